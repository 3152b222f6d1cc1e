import * as z from 'zod/mini'
import { FILE_MEANINGS, PKI_FILES, type PkiFile } from '../directory/names.js'
import type { PkiDirectory } from '../directory/pki-directory.js'
import { readPemCertificate } from '../pki/read-certificate.js'

/** What `fpki ca create --json` prints. */
export const createdPki = z.strictObject({
  factory: z.string(),
  /** Which Factory API knows it. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** An interrupted run was brought to its end. */
  resumed: z.boolean(),
  /** The DNS names that tls-crt is for. */
  tlsNames: z.array(z.string()),
  /** Every file of the PKI in the directory; a secret one must be backed up and shown to nobody. */
  files: z.array(z.strictObject({ name: z.string(), meaning: z.string(), secret: z.boolean() })),
  warnings: z.array(z.string()),
})

/** See {@link createdPki}. */
export type CreatedPki = z.infer<typeof createdPki>

/** The files that a PKI with or without online-ca and local-ca has. */
export function filesFor({
  onlineCa,
  localCa,
}: {
  readonly onlineCa: boolean
  readonly localCa: boolean
}): readonly PkiFile[] {
  const { rootKey, rootCertificate, tlsCertificate, onlineCaCertificate, localCaKey, localCaCertificate } = PKI_FILES
  return [
    ...[rootKey, rootCertificate, tlsCertificate],
    ...(onlineCa ? [onlineCaCertificate] : []),
    ...(localCa ? [localCaKey, localCaCertificate] : []),
  ]
}

/** What is told of a finished PKI directory. */
export async function whatWasMade(
  directory: PkiDirectory,
  files: readonly PkiFile[],
): Promise<Pick<CreatedPki, 'files' | 'tlsNames'>> {
  const { known } = readPemCertificate((await directory.read(PKI_FILES.tlsCertificate)) ?? '', 'tls-crt')
  return {
    files: files.map((name) => ({ name, ...FILE_MEANINGS[name] })),
    tlsNames: (known.subjectAltName ?? []).map(({ value }) => value),
  }
}
