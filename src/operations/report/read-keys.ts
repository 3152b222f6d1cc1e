import type { InspectedDirectory } from '../../directory/inspect.js'
import { isKeyFile, PKI_FILES } from '../../directory/names.js'
import { keyFileOf } from '../../directory/pki-files.js'
import type { TokenKeyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { embeddedStateDirectory } from '../../factory/embedded/index.js'
import { tokenKeyName } from '../../keystore/labels.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import type { Finding } from '../audit/verify/finding.js'
import type { KeyHolder, ReportCertificate } from './model.js'

type Holder = Omit<KeyHolder, 'certificate' | 'publicKey'>

const NOWHERE = { file: null, token: null } as const

/**
 * Who holds the key of each current certificate, and which other key files there are. No passphrase is used, and no token is
 * opened.
 *
 * @param findings of the audit, which has compared unencrypted keys with their certificates
 */
export async function readKeys(
  directory: InspectedDirectory,
  certificates: readonly ReportCertificate[],
  findings: readonly Finding[],
): Promise<readonly KeyHolder[]> {
  const current = certificates.filter((one) => one.current)
  const mismatched = new Set(findings.flatMap(({ code, file }) => (code === 'keys.mismatch' ? (file ?? []) : [])))
  const holders = await Promise.all(
    current.map(async (certificate): Promise<KeyHolder> => {
      const { name, publicKey } = certificate
      const holder = await holderOf(certificate, directory)
      return { certificate: name, ...asCompared(holder, mismatched), publicKey }
    }),
  )
  const listed = new Set(holders.map(({ file }) => file))
  const others = directory.names.filter((name) => isKeyFile(name) && !listed.has(name))
  return [...holders, ...(await Promise.all(others.map((name) => keyWithoutCertificate(directory, name))))]
}

async function holderOf({ role, name }: ReportCertificate, directory: InspectedDirectory): Promise<Holder> {
  switch (role) {
    case 'root':
      return ownKey(directory, PKI_FILES.rootKey, directory.state?.rootKey)
    case 'local-ca':
      return localCaKey(directory, name)
    case 'online-ca':
      return inApi('factory-api', 'operator of the Factory API, which registers devices online', directory)
    case 'cross':
      return { place: 'unknown', text: 'owner of the other root, which this certificate certifies', ...NOWHERE }
    case 'tls':
      return inApi('gateway', 'operator of the device gateway', directory)
    case 'est-tls':
      return inApi('gateway', 'operator of the EST server', directory)
  }
}

/** The embedded Factory API makes these keys on the disk, and keeps them there. */
function inApi(place: 'factory-api' | 'gateway', operator: string, { state }: InspectedDirectory): Holder {
  const folder = embeddedStateDirectory(state?.api ?? '')
  const where = folder === null ? '' : `; an unencrypted file of the embedded Factory API in ${folder}`
  return { place, text: `${operator}${where}`, ...NOWHERE }
}

async function localCaKey(directory: InspectedDirectory, certificate: string): Promise<Holder> {
  const { state, kit } = directory
  const file = keyFileOf(certificate) ?? certificate
  const isLocalCa = certificate === PKI_FILES.localCaCertificate
  const recorded = kit?.ca.file === certificate ? kit.key : isLocalCa ? state?.localCaKey : undefined
  const holder = await ownKey(directory, file, recorded)
  if (holder.place !== 'unknown' || state?.movedKeys?.includes(file) !== true) return holder
  return { place: 'kit', text: `moved to a kit; it was the file ${file} here`, ...NOWHERE }
}

/** A key that the owner of the directory has: in a file, or where the directory records it. */
async function ownKey(
  directory: InspectedDirectory,
  file: string,
  recorded: { readonly kind: 'file' } | TokenKeyRef | undefined,
): Promise<Holder> {
  const copy = directory.names.includes(file) ? await inFile(directory, file) : null
  if (recorded?.kind === 'pkcs11') return inToken(recorded, copy)
  if (copy !== null) return copy
  const text = directory.kit === null ? 'not in this directory, and no token is recorded' : 'not in this kit'
  return { place: 'unknown', text, ...NOWHERE }
}

/** `copy`: what is in the key file all the same, such as after `ca import-root` without `--remove-key`. */
function inToken(ref: TokenKeyRef, copy: Holder | null): Holder {
  const token = { label: ref.tokenLabel, serial: ref.tokenSerial, key: ref.keyLabel === '' ? ref.keyId : ref.keyLabel }
  const text = `token "${token.label}", serial ${token.serial}, key ${tokenKeyName(ref)}`
  return { place: 'token', text: copy === null ? text : `${text}; ALSO ${copy.text}`, file: copy?.file ?? null, token }
}

async function inFile(directory: InspectedDirectory, file: string): Promise<Holder> {
  const { text } = await directory.inspect(file)
  const isEncrypted = text === null ? null : encryption(text, file)
  if (isEncrypted === null)
    return { place: 'unreadable-file', text: `file ${file}, which is not a readable key`, file, token: null }
  if (isEncrypted) return { place: 'encrypted-file', text: `file ${file}, encrypted`, file, token: null }
  return { place: 'file', text: `file ${file}, NOT ENCRYPTED`, file, token: null }
}

/** null: it is not one private key. */
function encryption(pem: string, what: string): boolean | null {
  try {
    return isEncryptedKey(pem, what)
  } catch (error) {
    if (error instanceof FpkiError) return null
    throw error
  }
}

function asCompared(holder: Holder, mismatched: ReadonlySet<string>): Holder {
  if (holder.file === null || !mismatched.has(holder.file)) return holder
  const text = `${holder.text}, which is ANOTHER KEY`
  return holder.place === 'token' ? { ...holder, text } : { ...holder, place: 'unknown', text }
}

async function keyWithoutCertificate(directory: InspectedDirectory, file: string): Promise<KeyHolder> {
  const holder = await inFile(directory, file)
  const text = `${holder.text}; its certificate is missing or unreadable`
  return { certificate: file.replace(/\.key$/, '.pem'), ...holder, text, publicKey: null }
}
