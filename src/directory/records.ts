import * as z from 'zod/mini'

/** Where a private key is: in a file of the PKI directory, or in a token. It is no secret, and opens nothing. */
export const keyRef = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file'), name: z.string() }),
  z.strictObject({
    kind: z.literal('pkcs11'),
    module: z.string(),
    /** Initialisation arguments of the module. */
    initArgs: z.optional(z.string()),
    tokenLabel: z.string(),
    tokenSerial: z.string(),
    keyLabel: z.string(),
    /** CKA_ID in hex. */
    keyId: z.string(),
  }),
])

/** Where a private key is. See {@link keyRef}. */
export type KeyRef = z.infer<typeof keyRef>

/** A {@link KeyRef} to a key in a token. */
export type TokenKeyRef = Extract<KeyRef, { readonly kind: 'pkcs11' }>

/** RFC 3339, as fpki writes it. Names of folders are made of it, so that it is nothing else. */
export const recordedTime = z.string().check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/))

/**
 * `ca restore` put the record there, and no backup proves who made it: the module and the Factory API that it names have to be named
 * again.
 */
export const restored = z.optional(z.literal(true))

/** What `.fpki/state.json` remembers of a PKI directory; never a secret. */
export const directoryState = z.strictObject({
  version: z.literal(1),
  factory: z.string(),
  /** The Factory API that knows this PKI. */
  api: z.string(),
  /** Where the root key lives. */
  rootKey: keyRef,
  /** Where the key of local-ca lives, when that is not its file. */
  localCaKey: z.optional(keyRef),
  /** The number of the newest CRL that the root has signed for the Factory API; decimal. */
  crlNumber: z.optional(z.string().check(z.regex(/^\d{1,49}$/))),
  /** The device CAs that were revoked, as far as is known here: the Factory API shows its newest CRL only. Decimal. */
  revokedCaSerials: z.optional(z.array(z.string().check(z.regex(/^\d{1,64}$/)))),
  restored,
})

/** See {@link directoryState}. */
export type DirectoryState = z.infer<typeof directoryState>

/** Why a proof of a backup says nothing of the root key: in a token, in no file of it, or nobody gave its passphrase. */
export const rootKeyUnproven = z.enum(['in-token', 'not-held', 'not-tried'])

/** See {@link rootKeyUnproven}. */
export type RootKeyUnproven = z.infer<typeof rootKeyUnproven>

/** What `.fpki/backup.json` remembers of the newest backup. It is about backups, so that none holds it. */
export const backupRecord = z.strictObject({
  version: z.literal(1),
  /** RFC 3339. */
  madeAt: z.string(),
  /** Where it was written, or seen last; absolute. */
  file: z.string(),
  /** SHA-256 of the file, lower-case hex. */
  sha256: z.string(),
  /** When `ca backup --check` or `ca restore` last proved it; null: nobody has. */
  provedAt: z.nullable(z.string()),
  /** Absent: the root key was proven with the rest. */
  rootKeyUnproven: z.optional(rootKeyUnproven),
})

/** See {@link backupRecord}. */
export type BackupRecord = z.infer<typeof backupRecord>
