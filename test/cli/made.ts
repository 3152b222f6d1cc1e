import { cpSync } from 'node:fs'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject } from 'vitest'
import { type Home, newHome, output } from '../support/cli.js'

/** A PKI that `fpki ca create` has made for the factory acme. */
export interface Made {
  readonly home: Home
  readonly directory: string
  /** The embedded factory's state file. */
  readonly stateFile: string
  path(name: string): string
  text(name: string): Promise<string>
}

/** Makes a PKI of the factory acme in a HOME of its own: for tests of the making, and as one that is not that of others. */
export async function madePki(words: readonly string[] = []): Promise<Made> {
  const home = await newHome()
  const ended = await home.fpki(['ca', 'create', join(home.path, 'acme'), '--quiet', ...words])
  expect(ended).toEqual({ status: 0, signal: null, stdout: '', stderr: '' })
  return madeIn(home)
}

const originals = new Map<() => Promise<Made>, string>()

/**
 * A PKI that is there, with its embedded factory: made once in the whole run, by `ca create`, or once a test file, by `make`;
 * and then copied, which takes no time. All of them are one PKI; another one is {@link madePki}.
 */
export async function copiedPki(make?: () => Promise<Made>): Promise<Made> {
  if (make === undefined) return copyOf(inject('pkiHome') ?? notBuilt())
  const original = originals.get(make) ?? (await mkdtemp(join(inject('originals'), 'pki-')))
  if (!originals.has(make)) cpSync((await make()).home.path, original, { recursive: true })
  originals.set(make, original)
  return copyOf(original)
}

function notBuilt(): never {
  throw new Error('dist is missing: run `npm run build`')
}

async function copyOf(original: string): Promise<Made> {
  const home = await newHome()
  // Several times as fast as `cp`, which waits for a thread at each file.
  cpSync(original, home.path, { recursive: true })
  return madeIn(home)
}

/** The PKI `acme` that was made in a HOME. */
export function madeIn(home: Home): Made {
  const directory = join(home.path, 'acme')
  return {
    home,
    directory,
    stateFile: join(home.state, 'factories', 'acme', 'factory.json'),
    path: (name) => join(directory, name),
    text: (name) => readFile(join(directory, name), 'utf8'),
  }
}

/** A PKI directory that knows of a backup, which `ca verify` would else warn of. No change is behind its time. */
export async function knowsOfBackup(directory: string): Promise<void> {
  const record = { version: 1, madeAt: '2098-01-01T00:00:00Z', file: '/mnt/acme.backup', sha256: '', provedAt: null }
  await writeFile(join(directory, '.fpki', 'backup.json'), JSON.stringify(record), { mode: 0o600 })
}

/** As {@link copiedPki}, with a backup that is known. */
export async function backedUpPki(): Promise<Made> {
  const pki = await copiedPki()
  await knowsOfBackup(pki.directory)
  return pki
}

/** The JSON of a file as `change` leaves it. */
export async function editJson(path: string, change: (content: Record<string, unknown>) => unknown): Promise<void> {
  const content: Record<string, unknown> = JSON.parse(await readFile(path, 'utf8'))
  await writeFile(path, JSON.stringify(change(content)))
}

/** The certificates that the embedded factory knows, with `changes` in their place. */
export async function editCertificates(
  { stateFile }: { readonly stateFile: string },
  changes: Record<string, unknown>,
): Promise<void> {
  await editJson(stateFile, ({ certificates, ...state }) => {
    const known = typeof certificates === 'object' ? certificates : {}
    return { ...state, certificates: { ...known, ...changes } }
  })
}

/** What `openssl x509` says of a certificate in a file. */
export async function x509(path: string, ...words: readonly string[]): Promise<string> {
  return (await output('openssl', ['x509', '-in', path, '-noout', ...words])).trim()
}

/** The factory in the root certificate, as OpenSSL reads it. */
export async function factoryOf(directory: string): Promise<string | undefined> {
  const subject = await x509(join(directory, 'factory_ca.pem'), '-subject', '-nameopt', 'sname,sep_multiline')
  return /^\s*OU=(.*)$/m.exec(subject)?.[1]
}

/** All names of a certificate, as OpenSSL reads them: `DNS:…` and `IP Address:…`. */
export async function namesOf(path: string): Promise<readonly string[]> {
  const [, names = ''] = (await x509(path, '-ext', 'subjectAltName')).split('\n')
  return names.trim().split(', ')
}

/** The DNS names of a certificate, as OpenSSL reads them. */
export async function dnsNamesOf(path: string): Promise<readonly string[]> {
  const text = await x509(path, '-ext', 'subjectAltName')
  return [...text.matchAll(/DNS:([^,\s]+)/g)].map(([, name = '']) => name)
}
