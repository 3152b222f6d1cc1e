import { join } from 'node:path'
import { endOf, nextLine } from '../../audit-log/chain.js'
import { logged } from '../../audit-log/logged.js'
import { type KitRecord, readKitRecord } from '../../directory/kit-record.js'
import { AUDIT_LOG, KIT_MANIFEST, OWN_FILES, OWN_FOLDER, PKI_FILE_MODE, PKI_FILES } from '../../directory/names.js'
import { MAX_PEM_BYTES } from '../../directory/pki-directory.js'
import { directoryState, type KeyRef } from '../../directory/records.js'
import { FpkiError } from '../../errors.js'
import { provesPossession } from '../../pki/possession.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles, Who } from '../../ports.js'
import { sha256 } from '../../sha256.js'
import { pemSigner } from '../../signer/file.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import type { ArchiveEntry } from '../../storage/archive.js'
import { textEntry } from '../backup/manifest.js'
import { caFingerprint } from '../devices/ca-fingerprint.js'
import type { DeviceIssuer } from '../devices/open-issuer.js'
import type { OpenPki } from '../open-pki.js'

/** What a kit is made from. */
export interface KitSource {
  readonly pki: OpenPki
  readonly issuer: DeviceIssuer
  readonly createdAt: string
  readonly who: Who
}

/** The files of a kit but for its register, and what its record says of them. */
export interface KitFiles {
  readonly entries: readonly ArchiveEntry[]
  readonly record: Omit<KitRecord, 'lines'>
}

/**
 * Reads what goes into a kit. An encrypted key stays encrypted.
 *
 * @throws FpkiError ERR_BAD_KEY when the key is missing, or not the key of the CA; ERR_BAD_FILE
 */
export async function readKitFiles(source: KitSource): Promise<KitFiles> {
  const { pki, issuer, createdAt } = source
  const { directory, root, factory } = pki
  const { rootCertificate, tlsCertificate } = PKI_FILES
  const key = await keyEntries(source)
  const texts = await Promise.all(
    [rootCertificate, issuer.file, tlsCertificate].map((name) => pemEntry(directory, name)),
  )
  const certificates = texts.flat()
  const files = [...certificates, ...key.filter(({ kind }) => kind === 'file')]
  return {
    entries: [folder(''), folder(OWN_FOLDER), ...files, firstLogLine(source, certificates)],
    record: {
      version: 1,
      factory,
      createdAt,
      rootFingerprint: caFingerprint(root),
      ca: { file: issuer.file, fingerprint: issuer.fingerprint },
      key: issuer.key,
      files: files.map(({ path, content }) => ({ name: path, sha256: sha256(content) })),
    },
  }
}

/** Whether the files in a folder are those of its record, which was written last. */
export async function isWholeKit(files: DurableFiles, path: string, record: KitRecord): Promise<boolean> {
  for (const file of record.files) {
    const content = await files.readOctets(join(path, file.name), MAX_PEM_BYTES).catch(() => null)
    if (content === null || sha256(content) !== file.sha256) return false
  }
  return true
}

/** The record of the folder at `path`; null when it has none that fpki can read. */
export function kitRecordAt(files: DurableFiles, path: string): Promise<KitRecord | null> {
  return readKitRecord({ files, path }).catch(() => null)
}

/** The text of kit.json. */
export function kitRecordText(record: KitRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`
}

/** The path of kit.json. */
export function kitRecordPath(path: string): string {
  return join(path, KIT_MANIFEST)
}

async function keyEntries(source: KitSource): Promise<readonly ArchiveEntry[]> {
  const { directory } = source.pki
  const { key, ca, file } = source.issuer
  if (key.kind === 'pkcs11') return [await stateEntry(source, key)]
  const path = join(directory.path, key.name)
  const pem = await directory.read(key.name)
  const hint = 'Nothing was exported. Use another device CA, or restore the key from a backup.'
  if (pem === null) throw new FpkiError('ERR_BAD_KEY', `${path} does not exist.`, hint, { option: 'ca' })
  const isOpen = !isEncryptedKey(pem, path)
  if (isOpen && !(await provesPossession(await pemSigner(pem, path), ca.spki)))
    throw new FpkiError('ERR_BAD_KEY', `${path} is not the key of ${file}.`, hint)
  return [{ ...textEntry(key.name, pem), mode: PKI_FILE_MODE }]
}

/** Where the key is in its token. The root key is not in a kit; a record without one would not be valid. */
async function stateEntry({ pki }: KitSource, localCaKey: KeyRef): Promise<ArchiveEntry> {
  const state = await pki.directory.readState()
  const content = directoryState.parse({
    version: 1,
    factory: pki.factory,
    api: state?.api ?? '',
    rootKey: { kind: 'file', name: PKI_FILES.rootKey },
    localCaKey,
  })
  return textEntry(`${OWN_FOLDER}/${OWN_FILES.state}`, `${JSON.stringify(content, null, 2)}\n`)
}

/** Its certificates are no discovery, and its audit log was not lost: it begins here. */
function firstLogLine({ pki, issuer, createdAt, who }: KitSource, certificates: readonly ArchiveEntry[]): ArchiveEntry {
  const line = nextLine(endOf([]), {
    time: createdAt,
    who: { name: who.name, uid: who.uid },
    command: EXPORT_KIT,
    kind: 'found',
    certificates: certificates.map(({ path, content }) =>
      logged(readPemCertificate(Buffer.from(content).toString(), path), null, path),
    ),
    crl: null,
    text: `Kit for ${issuer.file}, exported from ${pki.directory.path}.`,
  })
  return textEntry(`${OWN_FOLDER}/${AUDIT_LOG}`, `${line}\n`)
}

async function pemEntry(directory: OpenPki['directory'], name: string): Promise<readonly ArchiveEntry[]> {
  const pem = await directory.read(name)
  return pem === null ? [] : [{ ...textEntry(name, pem), mode: PKI_FILE_MODE }]
}

function folder(path: string): ArchiveEntry {
  return { path, kind: 'directory', mode: 0o700, content: new Uint8Array() }
}

/** The command, as the audit log names it. */
export const EXPORT_KIT = 'ca export-kit'
