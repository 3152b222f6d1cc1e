import type { InspectedDirectory } from '../../directory/inspect.js'
import { PKI_FILES } from '../../directory/names.js'
import { keyFileOf } from '../../directory/pki-files.js'
import type { TokenKeyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { tokenKeyName } from '../../keystore/labels.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import type { KeyHolder, ReportCertificate } from './model.js'

type Holder = Omit<KeyHolder, 'certificate' | 'publicKey'>

const NOWHERE = { file: null, token: null } as const

/** Who holds the key of each current certificate. Keys are neither decrypted nor used. */
export async function readKeys(
  directory: InspectedDirectory,
  certificates: readonly ReportCertificate[],
): Promise<readonly KeyHolder[]> {
  const current = certificates.filter((one) => one.current)
  return Promise.all(
    current.map(async (certificate) => {
      const { name, publicKey } = certificate
      return { certificate: name, ...(await holderOf(certificate, directory)), publicKey }
    }),
  )
}

async function holderOf({ role, name }: ReportCertificate, directory: InspectedDirectory): Promise<Holder> {
  switch (role) {
    case 'root':
      return ownKey(directory, PKI_FILES.rootKey, directory.state?.rootKey)
    case 'local-ca':
      return localCaKey(directory, name)
    case 'online-ca':
      return { place: 'factory-api', text: 'operator of the Factory API, which registers devices online', ...NOWHERE }
    case 'cross':
      return { place: 'unknown', text: 'owner of the other root, which this certificate certifies', ...NOWHERE }
    case 'tls':
      return { place: 'gateway', text: 'operator of the device gateway', ...NOWHERE }
    case 'est-tls':
      return { place: 'gateway', text: 'operator of the EST server', ...NOWHERE }
  }
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
  if (recorded?.kind === 'pkcs11') return inToken(recorded)
  if (directory.names.includes(file)) return inFile(directory, file)
  const text = directory.kit === null ? 'not in this directory, and no token is recorded' : 'not in this kit'
  return { place: 'unknown', text, ...NOWHERE }
}

function inToken(ref: TokenKeyRef): Holder {
  const token = { label: ref.tokenLabel, serial: ref.tokenSerial, key: ref.keyLabel === '' ? ref.keyId : ref.keyLabel }
  const text = `token "${token.label}", serial ${token.serial}, key ${tokenKeyName(ref)}`
  return { place: 'token', text, file: null, token }
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
