import { type CaStanding, standingOf } from '../../directory/ca-standing.js'
import { localCaFiles } from '../../directory/local-ca-files.js'
import { PKI_FILES } from '../../directory/names.js'
import { keyFileOf } from '../../directory/pki-files.js'
import type { KeyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { rfc3339 } from '../../pki/describe.js'
import { sameOctets } from '../../pki/octets.js'
import { pathFault } from '../../pki/path-validation/validate.js'
import { type Certificate, isIssuedBy, readPemCertificate } from '../../pki/read-certificate.js'
import { shellWord } from '../../shell-word.js'
import type { OpenPki } from '../open-pki.js'
import { caFingerprint } from './ca-fingerprint.js'

/** A device CA of a PKI directory or kit, ready to sign devices: its certificate is checked, its key is not open yet. */
export interface DeviceIssuer {
  readonly ca: Certificate
  /** SHA-256 of the certificate, lower-case hex: the name of the CA in the device register. */
  readonly fingerprint: string
  /** The certificate file in the directory. */
  readonly file: string
  readonly key: KeyRef
}

/**
 * Finds the device CA that signs for a line: the one that the line is bound to, or the named one, or local-ca. In a directory
 * with a single device CA, such as a kit, that one.
 *
 * @param file the certificate file in the directory, such as site-b.pem, with or without its suffix; null: not named
 * @param bound {@link DeviceIssuer.fingerprint} of the line's CA; null: the line is bound to none
 * @throws FpkiError ERR_BAD_FILE when it is missing, ERR_BAD_CERTIFICATE when it cannot sign devices of this factory,
 *   ERR_NOT_A_DEVICE_CA when it is revoked, disabled or not the line's, ERR_CLOCK when it is not valid now
 */
export async function findDeviceIssuer(
  pki: OpenPki,
  { file, bound }: { readonly file: string | null; readonly bound: string | null },
  now: Date,
): Promise<DeviceIssuer> {
  const name = file === null ? await defaultCaFile(pki, bound) : localCaFiles(file).certificate
  const ca = await readCa(pki, name)
  const fingerprint = caFingerprint(ca)
  if (bound !== null && bound !== fingerprint) throw notTheLines(pki, name)
  await requireUsable(pki, ca, name, now)
  return { ca, fingerprint, file: name, key: await keyOf(pki, name) }
}

/** The file of the CA that a line is bound to, or local-ca.pem, or the only one with a key beside it. */
async function defaultCaFile(pki: OpenPki, bound: string | null): Promise<string> {
  const names = await pki.directory.names()
  const pairs = localCasOf(names)
  if (bound !== null) {
    for (const name of [PKI_FILES.localCaCertificate, ...pairs]) {
      if (names.includes(name) && caFingerprint(await readCa(pki, name)) === bound) return name
    }
    throw lineCaMissing(pki)
  }
  const [only, ...others] = pairs
  const isSingle = only !== undefined && others.length === 0
  return names.includes(PKI_FILES.localCaCertificate) || !isSingle ? PKI_FILES.localCaCertificate : only
}

/** The certificate files of all local CAs of a directory, local-ca.pem first. */
export async function localCaNames({ directory }: Pick<OpenPki, 'directory'>): Promise<readonly string[]> {
  const names = await directory.names()
  const isFirst = (name: string) => name === PKI_FILES.localCaCertificate
  return [...names.filter(isFirst), ...localCasOf(names).filter((name) => !isFirst(name))]
}

/** The certificates of local CAs whose keys are in files. */
function localCasOf(names: readonly string[]): readonly string[] {
  return names.filter((name) => names.includes(keyFileOf(name) ?? ''))
}

async function readCa({ directory }: OpenPki, name: string): Promise<Certificate> {
  const path = `${directory.path}/${name}`
  const pem = await directory.read(name)
  if (pem !== null) return readPemCertificate(pem, path)
  const others = localCasOf(await directory.names())
  const hint =
    others.length === 0
      ? `Create a local CA with \`fpki ca add-device-ca ${shellWord(directory.path)} --local-ca\`.`
      : `The local CAs here are ${others.join(', ')}.`
  throw new FpkiError('ERR_BAD_FILE', `${path} does not exist.`, hint, { option: 'ca' })
}

/** What the gateway and OpenSSL will check too (RFC 5280, 6.1), before anything is signed. */
async function requireUsable({ directory, root }: OpenPki, ca: Certificate, name: string, now: Date): Promise<void> {
  const path = `${directory.path}/${name}`
  if (!isIssuedBy(ca, root)) throw unusable(path, `it is not signed by ${PKI_FILES.rootCertificate}`)
  // Under whatever name.
  if (sameOctets(ca.spki, root.spki)) throw unusable(path, 'its key is the root key, which signs only CAs and servers')
  if (ca.parsedExtensions.basicConstraints?.ca !== true) throw unusable(path, 'it is not a CA')
  if (now < ca.notBefore || now >= ca.notAfter) throw notValidNow(directory.path, path, ca, now)
  const fault = pathFault([root, ca], now)
  if (fault !== null) throw unusable(path, fault)
  await requireAccepted({ directory }, { ca, file: name })
}

/** Throws ERR_NOT_A_DEVICE_CA when a device CA is revoked or disabled. */
export async function requireAccepted(
  { directory }: Pick<OpenPki, 'directory'>,
  { ca, file }: Pick<DeviceIssuer, 'ca' | 'file'>,
): Promise<void> {
  const standing = standingOf(await directory.readState(), ca.serialNumber)
  if (standing !== 'accepted') throw notAccepted(directory.path, file, standing)
}

async function keyOf({ directory }: OpenPki, certificate: string): Promise<KeyRef> {
  const recorded = certificate === PKI_FILES.localCaCertificate ? (await directory.readState())?.localCaKey : undefined
  return recorded ?? { kind: 'file', name: certificate.replace(/pem$/, 'key') }
}

/** The commands for another local CA, and for a line that is to use it. */
export function anotherCa(directory: string): string {
  const at = shellWord(directory)
  return `\`fpki ca add-device-ca ${at} --local-ca --local-ca-filename NAME.pem\`, and let the line use it: \`fpki lines change ${at} LINE --ca NAME.pem\``
}

function notAccepted(directory: string, name: string, standing: Exclude<CaStanding, 'accepted'>): FpkiError {
  const at = shellWord(directory)
  const hints = {
    revoked: `or create one with ${anotherCa(directory)}.`,
    disabled: `or enable this one with \`fpki ca enable-device-ca ${at} --ca-file ${shellWord(name)}\`.`,
  }
  return new FpkiError(
    'ERR_NOT_A_DEVICE_CA',
    `${directory}/${name} is ${standing}: gateways reject its devices.`,
    `Nothing was signed. Use another device CA, ${hints[standing]}`,
    { option: 'ca' },
  )
}

function unusable(path: string, reason: string): FpkiError {
  const hint = 'Nothing was signed. Restore the certificate from a backup, or use another device CA.'
  return new FpkiError('ERR_BAD_CERTIFICATE', `${path} cannot sign devices: ${reason}.`, hint, { option: 'ca' })
}

function notValidNow(directory: string, path: string, { notBefore, notAfter }: Certificate, now: Date): FpkiError {
  return new FpkiError(
    'ERR_CLOCK',
    `${path} is valid from ${rfc3339(notBefore)} to ${rfc3339(notAfter)}, but the clock of this machine is at ${rfc3339(now)}.`,
    `Nothing was signed. Set the clock; if it is right, create another device CA with ${anotherCa(directory)}.`,
  )
}

function notTheLines({ directory }: OpenPki, name: string): FpkiError {
  return new FpkiError(
    'ERR_NOT_A_DEVICE_CA',
    `The line is bound to another device CA than ${directory.path}/${name}.`,
    'Nothing was signed. Leave the CA out; the line knows its own.',
    { option: 'ca' },
  )
}

function lineCaMissing({ directory }: OpenPki): FpkiError {
  return new FpkiError(
    'ERR_NOT_A_DEVICE_CA',
    `The device CA of the line is not in ${directory.path}.`,
    `Nothing was signed. Use the directory or the kit that has it; the lines and their CAs: \`fpki lines list ${shellWord(directory.path)}\`.`,
    { option: 'line' },
  )
}
