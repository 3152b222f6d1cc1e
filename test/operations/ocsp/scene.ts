import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { CertificateStatus } from '../../../src/devices/denial.js'
import { FpkiError } from '../../../src/errors.js'
import { thisMachine } from '../../../src/machine/index.js'
import type { OcspService } from '../../../src/operations/ocsp/model.js'
import { type OcspOptions, type OcspPorts, openOcsp } from '../../../src/operations/ocsp/open-ocsp.js'
import { readPemCertificate } from '../../../src/pki/read-certificate.js'
import { copiedPki, type Made } from '../../cli/made.js'
import { output } from '../../support/cli.js'
import { quickLocks } from '../../support/quick-locks.js'

/** A register that knows what the test says, and counts what it is asked. */
interface FakeRegister {
  readonly known: Map<string, CertificateStatus>
  asked: number
  isAway: boolean
  statuses(serials: readonly string[], at: number): Promise<readonly (CertificateStatus | null)[]>
}

/** A PKI with an OCSP service, at a time that the test sets. */
export interface OcspScene extends Made {
  readonly service: OcspService
  readonly register: FakeRegister
  /** What the service has said. */
  readonly notes: string[]
  readonly warnings: string[]
  /** SHA-256 of local-ca.pem. */
  readonly ca: string
  readonly now: () => Date
  later(milliseconds: number): void
  /** A certificate that the register knows, by its serial number; only what the test is about has to be given. */
  certificate(status?: Partial<CertificateStatus>): string
  /** The OCSPRequest (DER) that OpenSSL makes. */
  request(serial: string, flags?: readonly string[]): Promise<Buffer>
  /** What OpenSSL reads in an answer to that request, after it has verified it. */
  read(request: Uint8Array, answer: Uint8Array): Promise<string>
  /** The file with the certificates that OpenSSL trusts. */
  readonly trust: string
}

/** Nothing of the tests is issued after that. */
const NOT_AFTER = Date.parse('2046-01-01T00:00:00Z')

export async function ocspScene(
  changes: { readonly options?: Partial<OcspOptions>; readonly ports?: Partial<OcspPorts>; readonly pki?: Made } = {},
): Promise<OcspScene> {
  const made = changes.pki ?? (await copiedPki())
  const { directory } = made
  let time = Date.now()
  const now = () => new Date(time)
  const [notes, warnings]: [string[], string[]] = [[], []]
  const register = fakeRegister()
  const options = { directory, factory: null, validity: 3_600_000, ...changes.options }
  const service = await openOcsp(options, {
    ...thisMachine(quickLocks()),
    clock: now,
    register,
    progress: { step: () => undefined, note: (text) => notes.push(text), warn: (text) => warnings.push(text) },
    ...changes.ports,
  })
  onTestFinished(() => service.close())
  const { der } = readPemCertificate(await made.text('local-ca.pem'), 'local-ca.pem')
  const ca = createHash('sha256').update(der).digest('hex')
  const folder = made.home.path
  const trust = join(folder, 'trust.pem')
  await writeFile(trust, `${await made.text('factory_ca.pem')}\n${await made.text('local-ca.pem')}`)
  return {
    ...made,
    ...{ service, register, notes, warnings, ca, now, trust },
    later: (milliseconds) => {
      time += milliseconds
    },
    certificate: (status = {}) => {
      const serial = newSerial()
      register.known.set(serial, {
        ...{ serial, uuid: '0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001', ca, notAfter: NOT_AFTER },
        ...{ revocation: null, endsAt: null, ...status },
      })
      return serial
    },
    request: async (serial, flags = ['-no_nonce']) => {
      const issuer = ['-issuer', made.path('local-ca.pem'), '-serial', `0x${serial}`]
      return Buffer.from(
        await output('sh', ['-c', 'openssl ocsp "$@" -reqout /dev/stdout | base64 -w0', 'sh', ...flags, ...issuer]),
        'base64',
      )
    },
    read: async (request, answer) => {
      const [asked, answered] = [join(folder, 'request.der'), join(folder, 'answer.der')]
      await writeFile(asked, request)
      await writeFile(answered, answer)
      const at = ['-attime', String(Math.floor(time / 1000))]
      // It has no option for the time of the answer's validity.
      const verify = ['-CAfile', trust, ...at, '-validity_period', '3000000000']
      return output('sh', [
        '-c',
        'openssl ocsp "$@" 2>&1',
        'sh',
        '-reqin',
        asked,
        '-respin',
        answered,
        ...verify,
        '-resp_text',
      ])
    },
  }
}

/** A serial number as the register has it. */
export function newSerial(): string {
  return `5a${randomBytes(19).toString('hex')}`
}

function fakeRegister(): FakeRegister {
  const register: FakeRegister = {
    known: new Map(),
    asked: 0,
    isAway: false,
    statuses: async (serials) => {
      register.asked++
      if (register.isAway) throw new FpkiError('ERR_STORE_AWAY', 'The database is away.', 'Wait.')
      return serials.map((serial) => register.known.get(serial) ?? null)
    },
  }
  return register
}
