import * as z from 'zod/mini'
import { FILE_MEANINGS, PKI_FILES } from '../directory/names.js'
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

/** The files of a finished PKI directory, and the names of its gateway. */
export async function whatWasMade(directory: PkiDirectory): Promise<Pick<CreatedPki, 'files' | 'tlsNames'>> {
  const files = (await directory.contents()).map((name) => ({ name, ...FILE_MEANINGS[name] }))
  const { known } = readPemCertificate((await directory.read(PKI_FILES.tlsCertificate)) ?? '', 'tls-crt')
  return { files, tlsNames: (known.subjectAltName ?? []).map(({ value }) => value) }
}
