import { DENIAL_REASONS } from '../../../devices/denial.js'
import type { DeviceRegister } from '../../../devices/register.js'
import { FpkiError } from '../../../errors.js'
import { openCaKey } from '../../../keystore/ca-key.js'
import type { KeyAccess } from '../../../keystore/root-key.js'
import type { RevokedEntry } from '../../../pki/check-device-crl.js'
import { shellWord } from '../../../shell-word.js'
import { signDeviceCrl } from '../../../signer/x509/device-crl.js'
import type { OpenPki } from '../../open-pki.js'
import { type DeviceIssuer, findDeviceIssuer } from '../open-issuer.js'
import { checkListFile, type ListFile, type ListFilePorts, writeListFile } from './list-file.js'
import type { RevokedSource } from './nginx-map.js'
import { revokedOnce } from './revoked.js'

/** A CRL to write. */
export interface DeviceCrlOptions {
  /** Absolute: DER when its name ends in `.der` or `.crl` (RFC 2585, 3), otherwise PEM. */
  readonly path: string
  /** The certificate file of the device CA; null: as findDeviceIssuer chooses. */
  readonly ca: string | null
  /** How long it is valid. */
  readonly seconds: number
}

/** A CRL that can be written. */
export interface DeviceCrlPlan {
  readonly file: ListFile
  readonly issuer: DeviceIssuer
  readonly seconds: number
}

/** What it is made of. */
export interface DeviceCrlScene {
  readonly pki: OpenPki
  readonly register: Pick<DeviceRegister, 'revoked' | 'nextCrlNumber'>
  readonly now: Date
  readonly access: KeyAccess
  /** Stops with its reason; the earlier file stays. */
  readonly signal: AbortSignal
}

/** A CRL that was written. */
export interface WrittenCrl {
  /** The certificate file of the device CA. */
  readonly ca: string
  readonly number: number
  readonly certificates: number
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}

const MIN_SECONDS = 60
const MAX_SECONDS = 366 * 86_400

/**
 * Checks all that can be checked before anything is opened for writing.
 *
 * @throws FpkiError ERR_USAGE when the CA may not sign CRLs, or for the time; as findDeviceIssuer and {@link checkListFile}
 */
export async function planDeviceCrl(
  { path, ca, seconds }: DeviceCrlOptions,
  { pki, now }: Pick<DeviceCrlScene, 'pki' | 'now'>,
  ports: Pick<ListFilePorts, 'files'>,
): Promise<DeviceCrlPlan> {
  if (!(seconds >= MIN_SECONDS && seconds <= MAX_SECONDS)) throw badValidity()
  const file = crlFile(path)
  await checkListFile(file, ports)
  const issuer = await findDeviceIssuer(pki, { file: ca, bound: null }, now)
  requireCrlSign(pki, issuer)
  return { file, issuer, seconds }
}

/**
 * Signs a CRL of all revoked certificates of a device CA that have not expired, and writes it. Throws as openCaKey and
 * signDeviceCrl.
 */
export async function writeDeviceCrl(
  { file, issuer, seconds }: DeviceCrlPlan,
  { pki, register, now, access, signal }: DeviceCrlScene,
  ports: Pick<ListFilePorts, 'batches'>,
): Promise<WrittenCrl> {
  const { ca, fingerprint, key } = issuer
  const { signer, close } = await openCaKey({ directory: pki.directory, key, certified: ca.spki }, access)
  try {
    const thisUpdate = new Date(Math.floor(now.getTime() / 1000) * 1000)
    const nextUpdate = new Date(thisUpdate.getTime() + seconds * 1000)
    const number = await register.nextCrlNumber(fingerprint)
    const entries = entriesOf({ register, now, signal }, fingerprint)
    const order = { issuer: ca, crlNumber: BigInt(number), thisUpdate, nextUpdate, entries }
    const crl = await signDeviceCrl(order, signer)
    await writeListFile(file, isDer(file.path) ? [crl.der] : pemOf(crl.der), ports)
    return { ca: issuer.file, number, certificates: crl.entries, thisUpdate, nextUpdate }
  } finally {
    await close()
  }
}

async function* entriesOf({ register, now, signal }: RevokedSource, ca: string): AsyncGenerator<RevokedEntry> {
  for await (const { serial, revocation } of revokedOnce(register, { ca, at: now.getTime() }, signal)) {
    const { at, reason } = revocation ?? { at: now.getTime(), reason: 'unspecified' as const }
    yield { serialNumber: BigInt(`0x${serial}`), revocationDate: new Date(at), reason: DENIAL_REASONS[reason] }
  }
}

function requireCrlSign({ directory }: OpenPki, { ca, file }: DeviceIssuer): void {
  if (ca.parsedExtensions.keyUsage?.includes('cRLSign') === true) return
  const at = shellWord(directory.path)
  throw new FpkiError(
    'ERR_USAGE',
    `${directory.path}/${file} may not sign CRLs: its keyUsage has no cRLSign.`,
    `Nothing was written. Create a device CA with \`fpki ca add-device-ca ${at} --local-ca --local-ca-filename NAME.pem --crl-sign\`; for devices of this one, use a deny list for nginx, or OCSP.`,
    { option: 'crl' },
  )
}

function badValidity(): FpkiError {
  const hint = 'Give 1 minute to 366 days, such as 12h or 7d.'
  return new FpkiError('ERR_USAGE', 'Invalid validity of a CRL.', hint, { option: 'crlValidity' })
}

const PEM_HEAD = '-----BEGIN X509 CRL-----\n'
const PEM_TAIL = '-----END X509 CRL-----\n'

function crlFile(path: string): ListFile {
  // In DER, the version INTEGER 1 is the first member of the first member; in a certificate, it is tagged.
  const isDerCrl = (head: Buffer) => /^30(..){1,5}30(..){1,5}02010130/.test(head.subarray(0, 16).toString('hex'))
  const isSuch = (head: Buffer) => head.toString('latin1').startsWith(PEM_HEAD) || isDerCrl(head)
  return { path, isSuch, what: 'a CRL', option: 'crl' }
}

function isDer(path: string): boolean {
  return /\.(der|crl)$/i.test(path)
}

/** Octets of whole lines of base64 (RFC 7468, 2: 64 characters), in pieces. */
const PIECE = 48 * 4096

function* pemOf(octets: Uint8Array): Generator<Uint8Array> {
  yield Buffer.from(PEM_HEAD)
  for (let at = 0; at < octets.length; at += PIECE) {
    const text = Buffer.from(octets.subarray(at, at + PIECE)).toString('base64')
    yield Buffer.from(text.replace(/.{1,64}/g, '$&\n'))
  }
  yield Buffer.from(PEM_TAIL)
}
