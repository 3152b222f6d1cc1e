import { encryptKey } from '../../containers/pkcs8.js'
import type { OpenPki } from '../../issuance/open-pki.js'
import { describeCertificate, rfc3339 } from '../../pki/describe.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { decodeOnePem } from '../../pki/pem.js'
import { provesPossession } from '../../pki/possession.js'
import type { EncryptionPorts } from '../../ports.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import { openPaper } from './open.js'
import { keyDigest, keyLines, type PaperKey, type PaperShare, readPaper, shareLines } from './parts.js'
import { sharedPassphrase } from './shares.js'
import type { Sharing } from './sharing.js'
import type { Sheet } from './sheet.js'

/** A key that is ready for paper, and what opens it. All of it is secret. */
export interface ReadyKey {
  readonly key: PaperKey
  readonly passphrase: string
  readonly shares: readonly PaperShare[]
}

function paperKey(pem: string, { root }: OpenPki): PaperKey {
  const isEncrypted = isEncryptedKey(pem, 'the key for the sheet')
  const der = decodeOnePem(isEncrypted ? 'ENCRYPTED PRIVATE KEY' : 'PRIVATE KEY', pem, 'the key for the sheet')
  return { der, isEncrypted, publicKeyDigest: Buffer.from(fingerprintOf(root.spki), 'hex') }
}

/** The key as it is. */
export function inTheClear(clear: string, pki: OpenPki): ReadyKey {
  return { key: paperKey(clear, pki), passphrase: '', shares: [] }
}

/** A key on its way to paper. */
interface ToEncrypt {
  /** PEM, PKCS#8. Secret. */
  readonly clear: string
  readonly pki: OpenPki
  readonly sharing: Sharing | null
  readonly ports: EncryptionPorts
}

/** The key under a passphrase: that of \`chosen\`, or with \`sharing\` one that is made, and shared, here. Throws ERR_PASSPHRASE. */
export async function encrypted(
  { clear, pki, sharing, ports }: ToEncrypt,
  chosen: () => Promise<string>,
): Promise<ReadyKey> {
  if (sharing === null) {
    const passphrase = await chosen()
    return { key: paperKey(encryptKey(clear, passphrase, ports), pki), passphrase, shares: [] }
  }
  const { passphrase, shares } = await sharedPassphrase(sharing, ports.random)
  const key = paperKey(encryptKey(clear, passphrase, ports), pki)
  const numbered = shares.map((share, at) => ({ ...sharing, number: at + 1, key: keyDigest(key), share }))
  return { key, passphrase, shares: numbered }
}

/** The sheets of a key: one, or one a share. */
export function sheetsOf({ key, shares }: ReadyKey, { factory, root }: OpenPki, now: Date): readonly Sheet[] {
  const base = {
    factory,
    printedAt: rfc3339(now),
    certificateFingerprint: describeCertificate(root, root, now).fingerprint,
    publicKeyFingerprint: fingerprintOf(root.spki),
    key,
    keyLines: keyLines(key),
  }
  const alone: Sheet = { ...base, protection: { kind: key.isEncrypted ? 'passphrase' : 'plain' }, shareLines: [] }
  const ofShare = (share: PaperShare): Sheet => {
    const { number, threshold, count } = share
    return { ...base, protection: { kind: 'share', number, threshold, count }, shareLines: shareLines(share) }
  }
  return shares.length === 0 ? [alone] : shares.map(ofShare)
}

/** What is on the sheets must give the key back; with shares, the first that are enough, and the last. Throws a plain Error. */
export async function prove({ passphrase }: ReadyKey, sheets: readonly Sheet[], { root }: OpenPki): Promise<void> {
  const [first] = sheets as readonly [Sheet]
  const needed = first.protection.kind === 'share' ? first.protection.threshold : 1
  for (const some of [sheets.slice(0, needed), sheets.slice(-needed)]) {
    const lines = some.flatMap((sheet) => [...sheet.keyLines, ...sheet.shareLines])
    const { signer } = await openPaper(readPaper(lines.join('\n')), { forExisting: async () => passphrase })
    if (!(await provesPossession(signer, root.spki))) throw new Error('the sheets do not give the root key back')
  }
}
