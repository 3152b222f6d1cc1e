import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { CertificatesUpdate, CsrKind, FactoryApi } from '../../../src/factory/api.js'
import { embeddedFactoryOn, thisMachine } from '../../../src/machine/index.js'
import { DEVICE_CA, TLS_SERVER } from '../../../src/pki/profiles.js'
import type { Certificate } from '../../../src/pki/read-certificate.js'
import { pem } from '../../pki/support/der.js'
import { temporaryDirectory } from '../../support/cli.js'
import {
  type Authority,
  accept,
  certify,
  FACTORY,
  NOW,
  newDeviceCa,
  newRoot,
  type Unusual,
  utf8Subject,
} from '../../support/issue.js'

/** An embedded factory on real files, whose clock the test sets. */
export interface Embedded {
  readonly api: FactoryApi
  readonly stateDirectory: string
  /** The folder of the factory. */
  readonly folder: string
  /** The same factory for another caller, with other names or another signal. */
  again(others?: { tlsNames?: readonly string[]; signal?: AbortSignal; factory?: string }): FactoryApi
  setClock(now: Date): void
}

export async function newFactory(tlsNames: readonly string[] = []): Promise<Embedded> {
  const stateDirectory = join(await temporaryDirectory(), 'state')
  let now = NOW
  const machine = { ...thisMachine(), clock: () => now }
  const again: Embedded['again'] = ({ signal = new AbortController().signal, ...others } = {}) =>
    embeddedFactoryOn({ stateDirectory, factory: FACTORY, tlsNames, ...others }, { ...machine, signal })
  return {
    api: again(),
    stateDirectory,
    folder: join(stateDirectory, 'factories', FACTORY),
    again,
    setClock: (time) => {
      now = time
    },
  }
}

/** A factory whose root is set, and that root. */
export async function newFactoryWithRoot(): Promise<Embedded & { readonly root: Authority }> {
  const [factory, root] = [await newFactory(), await newRoot()]
  await factory.api.updateCertificates({ rootCrt: pemOf(root.certificate) })
  return { ...factory, root }
}

export function pemOf(certificate: Certificate): string {
  return pem('CERTIFICATE', certificate.der)
}

/** A request of the API of one kind. */
export async function csrOf(api: FactoryApi, kind: CsrKind): Promise<string> {
  const csrs = await api.requestCsrs({ firstTimeInit: false, kinds: [kind] })
  return csrs[kind] ?? ''
}

/** A certificate in PEM for a request, as the root signs it. */
export async function signed(csr: string, kind: CsrKind, root: Authority, unusual: Unusual = {}): Promise<string> {
  const profile = kind === 'ca' ? DEVICE_CA : TLS_SERVER
  return pemOf(await certify(accept(csr, profile), profile, root, unusual))
}

/** A local-ca of the API's user in PEM. */
export async function localCaOf(api: FactoryApi, root: Authority, unusual: Unusual = {}): Promise<string> {
  const { polisId } = await api.getUser()
  const subject = utf8Subject(`fio-${polisId}`, FACTORY)
  const { certificate } = await newDeviceCa(root, { subject, ...unusual })
  return pemOf(certificate)
}

/** Sees that the API refuses `update` with `status` and `reason`, and that nothing of its state has changed. */
export async function expectRefused(
  { api, folder }: Pick<Embedded, 'api' | 'folder'>,
  update: CertificatesUpdate,
  status: number,
  reason: string,
): Promise<void> {
  await api.getUser()
  const before = await readFile(join(folder, 'factory.json'), 'utf8')
  await expect(api.updateCertificates(update)).rejects.toMatchObject({
    name: 'FpkiError',
    code: 'ERR_API',
    status,
    message: expect.stringContaining(reason),
    hint: expect.stringMatching(/nothing was changed/i),
  })
  expect(await readFile(join(folder, 'factory.json'), 'utf8')).toBe(before)
}

/** Every file below a directory, with its permission bits and content. */
export async function filesIn(directory: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const described = files.map(async (path) => {
    const mode = ((await stat(path)).mode & 0o7777).toString(8)
    return [path.slice(directory.length + 1), `${mode} ${await readFile(path, 'utf8')}`] as const
  })
  return Object.fromEntries(await Promise.all(described))
}
