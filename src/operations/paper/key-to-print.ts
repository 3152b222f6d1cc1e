import { encryptKey } from '../../containers/pkcs8.js'
import { describeCertificate, rfc3339 } from '../../pki/describe.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { decodeOnePem } from '../../pki/pem.js'
import { provesPossession } from '../../pki/possession.js'
import type { EncryptionPorts } from '../../ports.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import type { OpenPki } from '../open-pki.js'
import { openPaper } from './open-paper.js'
import { keyDigest, keyLines, type PaperKey, type PaperShare, readPaper, shareLines } from './parts.js'
import { sharedPassphrase } from './shares.js'
import type { Sharing } from './sharing.js'
import type { Sheet } from './sheet.js'

/** A key to print, and what decrypts it. Secret. */
export interface KeyToPrint {
  readonly key: PaperKey
  readonly passphrase: string
  readonly shares: readonly PaperShare[]
}

function paperKey(pem: string, { root }: OpenPki): PaperKey {
  const isEncrypted = isEncryptedKey(pem, 'the key for the sheet')
  const der = decodeOnePem(isEncrypted ? 'ENCRYPTED PRIVATE KEY' : 'PRIVATE KEY', pem, 'the key for the sheet')
  return { der, isEncrypted, publicKeyDigest: Buffer.from(fingerprintOf(root.spki), 'hex') }
}

/** The key, unencrypted. */
export function plainKey(clear: string, pki: OpenPki): KeyToPrint {
  return { key: paperKey(clear, pki), passphrase: '', shares: [] }
}

interface EncryptionInput {
  /** PEM, PKCS#8. Secret. */
  readonly clear: string
  readonly pki: OpenPki
  readonly sharing: Sharing | null
  readonly ports: EncryptionPorts
}

/** The key, encrypted with the passphrase of `choose`; with `sharing`, with a new one that is split. Throws ERR_PASSPHRASE. */
export async function encryptedKey(
  { clear, pki, sharing, ports }: EncryptionInput,
  choose: () => Promise<string>,
): Promise<KeyToPrint> {
  if (sharing === null) {
    const passphrase = await choose()
    return { key: paperKey(encryptKey(clear, passphrase, ports), pki), passphrase, shares: [] }
  }
  const { passphrase, shares } = await sharedPassphrase(sharing, ports.random)
  const key = paperKey(encryptKey(clear, passphrase, ports), pki)
  const numbered = shares.map((share, at) => ({ ...sharing, number: at + 1, key: keyDigest(key), share }))
  return { key, passphrase, shares: numbered }
}

/** The sheets of a key: one, or one for each share. */
export function sheetsOf({ key, shares }: KeyToPrint, { factory, root }: OpenPki, now: Date): readonly Sheet[] {
  const base = {
    factory,
    printedAt: rfc3339(now),
    certificateFingerprint: describeCertificate(root, root, now).fingerprint,
    publicKeyFingerprint: fingerprintOf(root.spki),
    key,
    keyLines: keyLines(key),
  }
  const single: Sheet = { ...base, protection: { kind: key.isEncrypted ? 'passphrase' : 'plain' }, shareLines: [] }
  const sheetOf = (share: PaperShare): Sheet => {
    const { number, threshold, count } = share
    return { ...base, protection: { kind: 'share', number, threshold, count }, shareLines: shareLines(share) }
  }
  return shares.length === 0 ? [single] : shares.map(sheetOf)
}

/** Recovers the key from the sheets; with shares, from the first `threshold` and the last. A plain Error, so a defect, if it fails. */
export async function verifySheets(
  { passphrase }: KeyToPrint,
  sheets: readonly Sheet[],
  { root }: OpenPki,
): Promise<void> {
  const [first] = sheets as readonly [Sheet]
  const needed = first.protection.kind === 'share' ? first.protection.threshold : 1
  const subsets = sheets.length === needed ? [sheets] : [sheets.slice(0, needed), sheets.slice(-needed)]
  for (const subset of subsets) {
    const lines = subset.flatMap((sheet) => [...sheet.keyLines, ...sheet.shareLines])
    const { signer } = await openPaper(readPaper(lines.join('\n')), { forExisting: async () => passphrase })
    if (!(await provesPossession(signer, root.spki))) throw new Error('the sheets do not recover the root key')
  }
}
