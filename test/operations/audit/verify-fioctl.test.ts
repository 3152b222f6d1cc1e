import { cp, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { FactoryApi, FactoryCertificates } from '../../../src/factory/api.js'
import type { KeyAccess } from '../../../src/keystore/root-key.js'
import { thisMachine } from '../../../src/machine/index.js'
import { isWrong } from '../../../src/operations/audit/verify/finding.js'
import { type VerifyPkiPorts, verifyPki } from '../../../src/operations/audit/verify-pki.js'
import { runProgram, temporaryDirectory } from '../../support/cli.js'
import { choiceOf, fioctlToken, LOGIN } from '../../support/token.js'

/** A day on which all certificates of the fixtures are valid. */
const THEN = new Date('2026-12-01T00:00:00Z')

/** A copy of a PKI directory of fioctl, with the modes that fioctl sets. */
async function fioctlDirectory(kind: 'file' | 'hsm'): Promise<string> {
  const path = join(await temporaryDirectory(), 'pki')
  await mkdir(path, { mode: 0o700 })
  await cp(fileURLToPath(new URL(`../../fixtures/fioctl/${kind}/pki`, import.meta.url)), path, { recursive: true })
  await runProgram('chmod', ['0700', path])
  await runProgram('chmod', ['0400', ...(await readdir(path)).map((name) => join(path, name))])
  return path
}

async function verified(directory: string, ports: Partial<VerifyPkiPorts>): Promise<readonly string[]> {
  const machine = { ...thisMachine(), clock: () => THEN, api: null, access: null, ...ports }
  const { findings } = await verifyPki({ directory, factory: null, warnDays: 60 }, machine)
  return findings
    .filter((one) => isWrong(one) && one.code !== 'backup.none')
    .map(({ code, message }) => `${code} ${message}`)
}

/** Access to the root key when no flag names an HSM. */
const ON_DISK: KeyAccess = {
  root: { kind: 'recorded', module: null },
  login: {
    ...LOGIN,
    pin: () => {
      throw new Error('the key is on the disk')
    },
  },
  note: () => undefined,
  warn: () => undefined,
}

/** The last certificates that the Factory API returned to fioctl. */
async function lastAnswer(kind: 'file' | 'hsm'): Promise<FactoryCertificates> {
  const path = fileURLToPath(new URL(`../../fixtures/fioctl/${kind}/transcript.jsonl`, import.meta.url))
  const calls = (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const answer = calls.findLast(
    ({ method, path, status }) => method === 'GET' && path.endsWith('/certs/') && status === 200,
  ).response
  return {
    rootCrt: answer['root-crt'],
    tlsCrt: answer['tls-crt'],
    caCrt: answer['ca-crt'],
    estTlsCrt: answer['est-tls-crt'] ?? null,
    caRevokeCrl: answer['ca-revoke-crl'] || null,
    disabledCaSerials: answer['disabled-ca-serials'] ?? [],
    changeMeta: { createdBy: '', createdAt: '', updatedBy: '', updatedAt: '' },
  }
}

function apiWith(certificates: FactoryCertificates): VerifyPkiPorts['api'] {
  const unused = () => Promise.reject(new Error('verify changes nothing'))
  const api: FactoryApi = {
    name: 'a recording',
    getCertificates: async () => ({ ...certificates, version: null }),
    requestCsrs: unused,
    updateCertificates: unused,
    getUser: unused,
  }
  return () => api
}

/** Deviations of fioctl in both directories (docs/profile.md#deviations). The length of its serial numbers is random. */
const PROFILES = [
  keyId('local-ca.pem'),
  keyId('online-crt'),
  'profile.differs online-crt deviates from its profile but works: the subject has OU as PrintableString, CN as PrintableString; mbedTLS-based devices need UTF8String (subject-printable-string); the subject has OU before CN; mbedTLS-based devices need CN first (subject-order).',
  keyId('site-b.pem'),
  'profile.differs tls-crt deviates from its profile but works: it has no subjectKeyIdentifier (subject-key-id-missing).',
]
const EST = [
  'profile.differs est-tls-crt deviates from its profile but works: it has no subjectKeyIdentifier (subject-key-id-missing).',
]
/** The last actions of fioctl there: it disabled one CA and revoked another. */
const REVOKED = [
  'api.disabled The device CA site-b.pem is disabled.',
  'api.revoked local-ca.pem was revoked: the Factory API does not accept its devices.',
]

function keyId(file: string): string {
  return `profile.key-id ${file}: its subjectKeyIdentifier is not the SHA-1 of its key, so OpenSSL and nginx reject devices whose certificates were issued with an authorityKeyIdentifier computed from that key (unable to get local issuer certificate) (ca-subject-key-id-not-sha1).`
}

function long(file: string): string {
  return `serials.long The serial number of ${file} has 21 octets.`
}

test('a PKI of fioctl on disk has only the known deviations', async () => {
  const directory = await fioctlDirectory('file')
  expect(await verified(directory, { access: ON_DISK })).toEqual([...PROFILES, long('local-ca.pem')])
  const api = apiWith(await lastAnswer('file'))
  const serials = [long('local-ca.pem'), long('est-tls-crt')]
  expect(await verified(directory, { access: ON_DISK, api })).toEqual([...PROFILES, ...EST, ...serials, ...REVOKED])
})

test('a PKI of fioctl with a token has only the known deviations, and its root key is the one in the token', async () => {
  const directory = await fioctlDirectory('hsm')
  const login = { ...LOGIN, pin: async () => '1234' }
  const access: KeyAccess = { ...ON_DISK, root: { kind: 'token', hsm: choiceOf(await fioctlToken()) }, login }
  const serials = [long('online-crt'), long('tls-crt')]
  expect(await verified(directory, { access })).toEqual([...PROFILES, ...serials])
  const api = apiWith(await lastAnswer('hsm'))
  const expected = [...PROFILES, ...EST, ...serials, long('est-tls-crt'), ...REVOKED]
  expect(await verified(directory, { access, api })).toEqual(expected)
})

test('without a record of the token, the root key is reported as missing', async () => {
  const [unusable] = (await verified(await fioctlDirectory('hsm'), { access: ON_DISK })).filter((text) =>
    /^root/.test(text),
  )
  expect(unusable).toMatch(/^root-key\.unusable .*factory_ca\.key is missing\.$/)
})
