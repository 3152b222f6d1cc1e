import { join } from 'node:path'
import * as z from 'zod/mini'
import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { readJsonFile } from '../storage/json-file.js'
import { KIT_MANIFEST } from './names.js'
import { keyRef, recordedTime } from './records.js'

const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/))

/** `kit.json`: what a kit is for, and the sums of the files that it was made with. */
export const kitRecord = z.strictObject({
  version: z.literal(1),
  factory: z.string(),
  createdAt: recordedTime,
  /** Of factory_ca.pem, DER. */
  rootFingerprint: sha256,
  ca: z.strictObject({
    /** The certificate file. */
    file: z.string(),
    /** Of the certificate, DER. */
    fingerprint: sha256,
  }),
  /** Where the key of the CA is. */
  key: keyRef,
  /** The lines that were given to the kit, and how many devices each may still have issued; null: without a limit. */
  lines: z.array(z.strictObject({ name: z.string(), quota: z.nullable(z.int()) })),
  /** Without the device register and what else changes. */
  files: z.array(z.strictObject({ name: z.string(), sha256 })),
})

/** See {@link kitRecord}. */
export type KitRecord = z.infer<typeof kitRecord>

/** Where a directory is, and how it is read. */
interface Place {
  readonly files: DurableFiles
  readonly path: string
}

/** The record of a kit; null: the directory is not a kit. Throws ERR_BAD_FILE when it is damaged. */
export function readKitRecord({ files, path }: Place): Promise<KitRecord | null> {
  return readJsonFile(files, join(path, KIT_MANIFEST), kitRecord)
}

/** Throws ERR_KIT when the directory is a kit, which never has the root key. */
export async function refuseKit({ files, path }: Place): Promise<void> {
  if ((await files.kindOf(join(path, KIT_MANIFEST))) === null) return
  throw new FpkiError(
    'ERR_KIT',
    `${path} is a kit: it has no root key.`,
    'Nothing was changed. Run the command in the PKI directory that the kit was exported from.',
  )
}
