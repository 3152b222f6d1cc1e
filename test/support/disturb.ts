import type { FactoryApi } from '../../src/factory/api.js'
import type { Disturbance } from './create-scene.js'

/** The end of the world, as far as a process can tell: everything that it does after it fails too. */
export class Stopped extends Error {}

/** Is this how a command ends whose world was stopped? One that asks the API what became of its work tells why it could not. */
export function isStop(error: unknown): boolean {
  return error instanceof Stopped || (error instanceof Error && error.cause instanceof Stopped)
}

/** Stops the world at the `at`-th point: points are behind each step on the disk and each call of the API. */
export function stopAt(at: number): { readonly disturbance: Disturbance; points(): number } {
  let count = 0
  const checkAlive = () => {
    if (count >= at) throw new Stopped(`stopped at point ${at}`)
  }
  const point = () => {
    count++
    checkAlive()
  }
  const call = async <T>(_: string, work: () => Promise<T>): Promise<T> => {
    checkAlive()
    const answer = await work()
    point()
    return answer
  }
  return {
    disturbance: { disk: { before: checkAlive, after: point }, api: (api) => around(api, call) },
    points: () => count,
  }
}

/** Hooks that make the `at`-th step on the disk fail with a system error: once, or that step and all behind it. */
export function failAt(at: number, code: string, lasting = false) {
  let count = 0
  return {
    failed: () => count >= at,
    before: (operation: string, path: string) => {
      // A full disk lets go of files.
      if (lasting && count >= at && operation === 'unlink') return
      count++
      if (count === at || (lasting && count > at))
        throw Object.assign(new Error(`${code}: ${operation} '${path}'`), { code, path })
    },
  }
}

/** An API each of whose calls goes through `call`, under its name. */
export function around(api: FactoryApi, call: <T>(name: string, work: () => Promise<T>) => Promise<T>): FactoryApi {
  return {
    name: api.name,
    requestCsrs: (order) => call('requestCsrs', () => api.requestCsrs(order)),
    getCertificates: () => call('getCertificates', () => api.getCertificates()),
    updateCertificates: (update, version) => call('updateCertificates', () => api.updateCertificates(update, version)),
    getUser: () => call('getUser', () => api.getUser()),
  }
}
