import { createHash, createPrivateKey, verify, X509Certificate } from 'node:crypto'
import { expect } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import type { FactoryApi } from '../../src/factory/api.js'
import type { KeyAccess } from '../../src/keystore/root-key.js'
import { embeddedFactoryOn, thisMachine } from '../../src/machine/index.js'
import { type CreatePkiResult, createPki } from '../../src/operations/create/create-pki.js'
import { readCrl } from '../../src/pki/read-crl.js'
import type { Clock, TokenLogin } from '../../src/ports.js'
import type { CryptokiMaker } from '../../src/signer/pkcs11/cryptoki.js'
import { durableFiles } from '../../src/storage/files.js'
import { foldJournal } from './journal.js'
import type { MemoryDisk, StepHooks } from './memory-disk.js'

/** The PKI directory and the state directory of the scene. */
export const DIRECTORY = '/home/maker/acme'
export const STATE = '/home/maker/state'

export const SILENT = { step: () => undefined, note: () => undefined, warn: () => undefined }

/** What may be put around a run: hooks for the disk, and a wrapper for the API. */
export interface Disturbance {
  readonly disk?: StepHooks
  readonly api?: (api: FactoryApi) => FactoryApi
  readonly clock?: Clock
  /** How a command gets to a root key in a token, what loads modules, and the PIN. */
  readonly access?: KeyAccess
  readonly makeCryptoki?: CryptokiMaker
  readonly login?: TokenLogin
}

/** This machine with a disk in memory, and the embedded factory acme on it. */
export function machineOn(disk: MemoryDisk, { disk: hooks, api: wrap, ...others }: Disturbance = {}) {
  const machine = { ...thisMachine({ passphraseRounds: 1 }), ...others, files: durableFiles(disk.mount(hooks)) }
  const { signal } = new AbortController()
  const api = embeddedFactoryOn({ stateDirectory: STATE, factory: 'acme' }, { ...machine, signal })
  return { ...machine, api: wrap?.(api) ?? api, progress: SILENT, signal }
}

/** Runs `ca create` for the factory acme on a disk in memory. */
export function createOn(disk: MemoryDisk, disturbance: Disturbance = {}): Promise<CreatePkiResult> {
  const options = {
    ...{ directory: DIRECTORY, factory: 'acme', onlineCa: true, tlsNames: [] },
    ...({ root: { kind: 'new-file' }, localCa: { kind: 'file' } } as const),
  }
  return createPki(options, machineOn(disk, disturbance))
}

/** Runs the command again; when the first run had come to its very end, the second one is refused. */
export async function runAgain(disk: MemoryDisk): Promise<void> {
  await createOn(disk).catch((error: unknown) => {
    if (!(error instanceof FpkiError) || error.code !== 'ERR_EXISTS') throw error
  })
}

/**
 * A disk as text in which every random value is replaced by what it must agree with, so that two runs are equal when
 * they made the same things: a key by its name, a certificate by its subject, issuer, key and signer.
 */
export function essence(disk: MemoryDisk): string {
  // After a loss of power the mark of an unsynced update may be there again; it costs a reader one sync.
  const files = [...disk.contents()].filter(([path]) => !path.endsWith('/acme/unsynced'))
  const keys = new Map(
    files.flatMap(([path, { text }]) => (path.endsWith('.key') ? [[keyId(text ?? ''), path] as const] : [])),
  )
  return files
    .map(
      ([path, { mode, text }]) => `${mode.toString(8)} ${path}\n${text === null ? '' : masked(told(path, text), keys)}`,
    )
    .join('\n')
    .replace(/\d{8}T\d{6}Z/g, 'time')
}

/**
 * A run that was cut off has signed more than one that was not: {@link expectLogged} looks at what the audit log says. Its
 * journal has more lines, and says the same.
 */
function told(path: string, text: string): string {
  if (/\/log\.(jsonl|head)$/.test(path)) return 'the audit log'
  return path.endsWith('/journal.jsonl') ? JSON.stringify(foldJournal(text)) : text
}

/**
 * The audit log on a disk holds, by another reckoning than fpki's, and has all that the root has signed and that is anywhere:
 * in a file, a journal or the API.
 *
 * @param isEnded the command came to its end, so that the root has signed for the last line
 */
export function expectLogged(disk: MemoryDisk, isEnded = true): void {
  const text = (name: string) => disk.contents().get(`${DIRECTORY}/.fpki/${name}`)?.text ?? ''
  const log = text('log.jsonl')
  const lines = log.split('\n').slice(0, -1)
  lines.forEach((line, at) => {
    const before = at === 0 ? '0'.repeat(64) : fingerprint(Buffer.from(lines[at - 1] ?? ''))
    if (!isEnded && at === lines.length - 1 && !line.endsWith('}')) return
    expect(JSON.parse(line)).toMatchObject({ number: at + 1, previous: before })
  })
  const everything = [...disk.contents()]
    .filter(([path]) => !path.endsWith('.fpki-unfinished'))
    .map(([, file]) => file.text?.replaceAll('\\n', '\n') ?? '')
    .join('')
  const certificates = everything.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? []
  const crls = everything.match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----\n/g) ?? []
  for (const pem of new Set([...certificates, ...crls])) {
    const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')
    expect(log).toContain(fingerprint(der))
  }
  if (!isEnded) return
  expect(log).toMatch(/\n$/)
  const { number, hash, signature } = JSON.parse(text('log.head'))
  expect({ number, hash }).toEqual({ number: lines.length, hash: fingerprint(Buffer.from(lines.at(-1) ?? '')) })
  const root = new X509Certificate(disk.contents().get(`${DIRECTORY}/factory_ca.pem`)?.text ?? '')
  const signed = Buffer.from(`fpki audit-log 1\n${number}\n${hash}\n`)
  expect(verify('sha256', signed, root.publicKey, Buffer.from(signature, 'base64'))).toBe(true)
}

function masked(text: string, keys: ReadonlyMap<string, string>): string {
  return text
    .replaceAll('\\n', '\n')
    .replace(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g, (pem) => certificateFacts(pem, keys))
    .replace(/-----BEGIN CERTIFICATE REQUEST-----[^-]+-----END CERTIFICATE REQUEST-----/g, 'a request')
    .replace(/-----BEGIN EC PRIVATE KEY-----[^-]+-----END EC PRIVATE KEY-----/g, 'a key')
    .replace(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g, crlFacts)
    .replace(/\d{40,49}/g, 'serial number')
    .replace(/[0-9a-f]{64}/g, 'fingerprint')
    .replace(/[0-9a-f]{24}/g, 'user id')
    .replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'time')
}

/** A function of a text that is asked for few texts many times: the disks of a test are copies of one. */
function remembered<Answer>(work: (text: string) => Answer): (text: string) => Answer {
  const known = new Map<string, Answer>()
  return (text) => {
    const answer = known.get(text) ?? work(text)
    known.set(text, answer)
    return answer
  }
}

const readPem = remembered((pem) => {
  const { subject, issuer, publicKey, ca, subjectAltName } = new X509Certificate(pem)
  const key = fingerprint(publicKey.export({ format: 'der', type: 'spki' }))
  return { subject, issuer, key, ca, subjectAltName }
})

function certificateFacts(pem: string, keys: ReadonlyMap<string, string>): string {
  const { subject, issuer, key, ca, subjectAltName } = readPem(pem)
  const owner = keys.get(key)
  return `certificate of ${subject} by ${issuer}, key ${owner}, ca ${ca}, ${subjectAltName}`.replaceAll('\n', ',')
}

function crlFacts(pem: string): string {
  const { crlNumber, entries } = readCrl(pem, 'a CRL')
  return `CRL ${crlNumber} of ${entries.map(({ reasonCode }) => `reason ${reasonCode}`).join(', ')}`
}

const keyId = remembered((pem) => {
  const { x, y } = createPrivateKey(pem).export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.from(x ?? '', 'base64url'), Buffer.from(y ?? '', 'base64url')])
  return fingerprint(Buffer.concat([SPKI_P256, point]))
})

/** Everything of a P-256 SubjectPublicKeyInfo but the coordinates (RFC 5480). */
const SPKI_P256 = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex')

function fingerprint(der: Buffer): string {
  return createHash('sha256').update(der).digest('hex')
}

/** What can never be taken back: the text of each key and certificate that is on the disk. */
export function treasures(disk: MemoryDisk): ReadonlyMap<string, string> {
  const isPki = (path: string) =>
    !path.includes('.fpki-unfinished') &&
    /\/(factory_ca|local-ca)\.(key|pem)$|\/(tls|online)-crt$|\/keys\/[^/]+\.key$/.test(path)
  return new Map([...disk.contents()].flatMap(([path, { text }]) => (isPki(path) ? [[path, text ?? ''] as const] : [])))
}

/** The certificates that the embedded API has taken, as PEM blocks. */
export function certificatesInApi(disk: MemoryDisk): readonly string[] {
  const text = disk.contents().get(`${STATE}/factories/acme/factory.json`)?.text ?? '{}'
  const { certificates } = JSON.parse(text) as { certificates?: Record<string, unknown> | null }
  return Object.values(certificates ?? {})
    .filter((value) => typeof value === 'string')
    .flatMap((pem) => pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? [])
}
