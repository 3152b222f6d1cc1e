import * as z from 'zod/mini'
import { FILE_MEANINGS, PKI_FILES, type PkiFile } from '../../directory/names.js'
import { type PkiDirectory, pkiDirectory } from '../../directory/pki-directory.js'
import { type KeyRef, keyRef } from '../../directory/records.js'
import { jsonDocument } from '../../json-document.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import { toServerName } from '../../pki/server-name.js'
import type { DurableFiles } from '../../ports.js'
import { isPlainKey } from '../../signer/key-pem.js'

/** What `fpki ca create --json` prints. */
export const createPkiResult = jsonDocument({
  factory: z.string(),
  /** The Factory API that has it. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** Where the root key is: a file, or a key in a token. */
  rootKey: keyRef,
  /** Where the key of local-ca is; null: there is no local-ca. */
  localCaKey: z.nullable(keyRef),
  /** An interrupted run was finished. */
  resumed: z.boolean(),
  /** The DNS names that tls-crt is for. */
  tlsNames: z.array(z.string()),
  /** Every file of the PKI in the directory; back up a secret one, and show it to nobody. */
  files: z.array(z.strictObject({ name: z.string(), meaning: z.string(), secret: z.boolean() })),
  warnings: z.array(z.string()),
  /** The backup that `--backup` wrote; null: none yet. */
  backup: z.nullable(z.string()),
})

/** See {@link createPkiResult}. */
export type CreatePkiResult = z.infer<typeof createPkiResult>

/** What decides which files a PKI has. */
export interface PkiShape {
  readonly onlineCa: boolean
  /** Keys in a token have no file. */
  readonly rootKey: KeyRef['kind']
  /** null: there is no local-ca. */
  readonly localCaKey: KeyRef['kind'] | null
}

/** The files that a PKI of this shape has. */
export function filesFor({ onlineCa, ...keys }: PkiShape): readonly PkiFile[] {
  const { rootKey, rootCertificate, tlsCertificate, onlineCaCertificate, localCaKey, localCaCertificate } = PKI_FILES
  return [
    ...(keys.rootKey === 'file' ? [rootKey] : []),
    ...[rootCertificate, tlsCertificate],
    ...(onlineCa ? [onlineCaCertificate] : []),
    ...(keys.localCaKey === 'file' ? [localCaKey] : []),
    ...(keys.localCaKey === null ? [] : [localCaCertificate]),
  ]
}

/** Is the root key of a finished PKI in a file that is not encrypted? */
export async function hasPlainRootKey({ directory, rootKey }: CreatePkiResult, files: DurableFiles): Promise<boolean> {
  if (rootKey.kind !== 'file') return false
  const text = await pkiDirectory(files, directory).read(PKI_FILES.rootKey)
  return text !== null && isPlainKey(text, PKI_FILES.rootKey)
}

/** The files of a finished PKI directory, and the names that tls-crt is for. */
export async function describeCreatedPki(
  directory: PkiDirectory,
  files: readonly PkiFile[],
): Promise<Pick<CreatePkiResult, 'files' | 'tlsNames'>> {
  const { parsedExtensions } = readPemCertificate((await directory.read(PKI_FILES.tlsCertificate)) ?? '', 'tls-crt')
  return {
    files: files.map((name) => ({ name, ...FILE_MEANINGS[name] })),
    tlsNames: (parsedExtensions.subjectAltName ?? []).map(({ value }) => toServerName(value) ?? value),
  }
}
