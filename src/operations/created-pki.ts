import * as z from 'zod/mini'
import { keyReference } from '../directory/records.js'

/** What `fpki ca create --json` prints. */
export const createdPki = z.strictObject({
  factory: z.string(),
  /** Which Factory API knows it. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** Where the root key is: a file, or a key in a token. */
  rootKey: keyReference,
  /** Where the key of local-ca is; null: there is no local-ca. */
  localCaKey: z.nullable(keyReference),
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
