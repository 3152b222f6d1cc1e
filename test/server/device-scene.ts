import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { embeddedFactoryOn, embeddedPortsOn, thisMachine } from '../../src/machine/index.js'
import { type ServeApiOptions, serveApi } from '../../src/server/serve-api.js'
import type { ServeApiResult } from '../../src/server/served-api.js'
import { copiedPki, type Made } from '../cli/made.js'
import { opensslCsr } from '../pki/support/openssl-csr.js'
import { output } from '../support/cli.js'
import { quickLocks } from '../support/quick-locks.js'
import { type Fioctl, fioctl } from './fioctl.js'

/** A served embedded API that knows the devices of its factory. */
export interface ServedDevices extends Made {
  readonly served: ServeApiResult
  /** With a token that may do everything in acme. */
  readonly fioctl: Fioctl
  /** What the server has logged. */
  log(): string
  /** With another token, made with these words. */
  as(...words: readonly string[]): Promise<Fioctl>
}

/** Serves the API in this process, until the end of the test. */
export async function servedDevices(options: Partial<ServeApiOptions> = {}, made?: Made): Promise<ServedDevices> {
  const pki = made ?? (await copiedPki())
  const machine = thisMachine(quickLocks())
  const stop = new AbortController()
  let log = ''
  const { signal } = new AbortController()
  const ports = {
    ...embeddedPortsOn(machine, signal),
    apiOf: (factory: string) => embeddedFactoryOn({ stateDirectory: pki.home.state, factory }, { ...machine, signal }),
    progress: { step: () => undefined, note: () => undefined, warn: () => undefined },
    signal: stop.signal,
    log: (text: string) => {
      log += text
    },
    manager: { ready: async () => undefined, stopping: async () => undefined },
    residentBytes: () => 0,
    hostName: () => 'localhost',
  }
  const all: ServeApiOptions = {
    ...{ stateDirectory: pki.home.state, listen: '127.0.0.1:0', tls: false, tlsFiles: null, names: [], faults: [] },
    devices: [{ directory: pki.directory, store: null }],
    isQuiet: false,
    ...options,
  }
  let ended: Promise<void> = Promise.resolve()
  const served = await new Promise<ServeApiResult>((resolve, reject) => {
    ended = serveApi(all, ports, resolve)
    ended.catch(reject)
  })
  onTestFinished(async () => {
    stop.abort()
    await ended
  })
  const as = async (...words: readonly string[]) => {
    const { stdout } = await pki.home.fpki(['api', 'token', 'create', ...words])
    return fioctl(served.url, stdout.trim())
  }
  return { ...pki, served, fioctl: await as('--factory', 'acme'), log: () => log, as }
}

const PROFILE =
  'keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,clientAuth\nauthorityKeyIdentifier=keyid\n'

/** What a certificate of {@link deviceCertificate} is to say, instead of what a device's does. */
export interface OtherCertificate {
  readonly subject?: string
  readonly extensions?: string
  /** Sign with the root instead of local-ca. */
  readonly byRoot?: boolean
  /** PEM, in the place of a new key. */
  readonly keyPem?: string
}

/** The certificate of a device, PEM, which OpenSSL signs with local-ca as registration services do. */
export async function deviceCertificate(
  { path, home }: Made,
  uuid: string,
  { subject = `/CN=${uuid}/OU=acme`, extensions = PROFILE, byRoot = false, ...key }: OtherCertificate = {},
): Promise<string> {
  const at = (name: string) => join(home.path, name)
  await writeFile(at('device.ext'), extensions)
  await writeFile(at('device.csr'), await opensslCsr({ subject, ...key }))
  const [ca, caKey] = byRoot ? ['factory_ca.pem', 'factory_ca.key'] : ['local-ca.pem', 'local-ca.key']
  const signer = ['-CA', path(ca), '-CAkey', path(caKey), '-days', '3650', '-extfile', at('device.ext')]
  return output('openssl', ['x509', '-req', '-in', at('device.csr'), ...signer])
}
