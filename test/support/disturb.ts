import { expect } from 'vitest'
import type { FactoryApi } from '../../src/factory/api.js'
import type { Disturbance } from './create-scene.js'

/** The end of the world, as far as a process can tell: everything that it does after it fails too. */
export class Stopped extends Error {}

/** Is this how a command ends whose world was stopped? One that asks the API what became of its work tells why it could not. */
export function isStop(error: unknown): boolean {
  return error instanceof Stopped || (error instanceof Error && error.cause instanceof Stopped)
}

/**
 * Stops the world at the `at`-th point: points are after each step on the disk and each call of the API. `kinds` are the
 * steps and calls so far.
 */
export function stopAt(at: number): { readonly disturbance: Disturbance; kinds(): readonly string[] } {
  const kinds: string[] = []
  const checkAlive = () => {
    if (kinds.length >= at) throw new Stopped(`stopped at point ${at}`)
  }
  const point = (kind: string) => {
    kinds.push(kind)
    checkAlive()
  }
  const call = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    checkAlive()
    const answer = await work()
    point(name)
    return answer
  }
  return {
    disturbance: { disk: { before: checkAlive, after: point }, api: (api) => around(api, call) },
    kinds: () => kinds,
  }
}

/** How disks fail that a command writes to, and whether for good. */
export const DISK_FAULTS = [
  ['ENOSPC', true],
  ['EACCES', true],
  ['EROFS', true],
  ['EIO', false],
] as const

/** Expects that a command which failed on such a disk says where and why. */
export function expectStorageError(outcome: Error, code: string, point: string): void {
  expect(outcome, point).toMatchObject({ code: 'ERR_STORAGE', message: expect.stringMatching(`/home.*${code}`) })
}

/**
 * Hooks that make the `at`-th step on the disk fail with a system error: once, or that step and all after it. `kinds` are
 * the steps so far.
 */
export function failAt(at: number, code: string, lasting = false) {
  const kinds: string[] = []
  return {
    kinds: () => kinds,
    failed: () => kinds.length >= at,
    before: (operation: string, path: string) => {
      // A full disk lets go of files.
      if (lasting && kinds.length >= at && operation === 'unlink') return
      kinds.push(operation)
      if (kinds.length === at || (lasting && kinds.length > at))
        throw Object.assign(new Error(`${code}: ${operation} '${path}'`), { code, path })
    },
  }
}

/** The kinds of step on the disk that an undisturbed run takes: the points at which {@link failAt} can make it fail. */
export async function stepsOf(run: (disturbance: Disturbance) => Promise<unknown>): Promise<readonly string[]> {
  const probe = failAt(Number.POSITIVE_INFINITY, '')
  await run({ disk: probe })
  return probe.kinds()
}

/** The kinds of step and call that an undisturbed run takes: the points at which {@link stopAt} can stop it. */
export async function pointsOf(run: (disturbance: Disturbance) => Promise<unknown>): Promise<readonly string[]> {
  const probe = stopAt(Number.POSITIVE_INFINITY)
  await run(probe.disturbance)
  return probe.kinds()
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
