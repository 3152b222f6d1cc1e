import * as z from 'zod/mini'

/** The location of a private key: a file of the PKI directory, or a token (without its PIN). */
export const keyRef = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file'), name: z.string() }),
  z.strictObject({
    kind: z.literal('pkcs11'),
    module: z.string(),
    /** Initialisation arguments for the module (needed by NSS). */
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

/** RFC 3339 as written by fpki. Strict, because folder names contain it. */
export const recordedTime = z.string().check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/))

/**
 * Set by `ca restore`: a backup does not prove its author, so its module and Factory API must be confirmed.
 */
export const restored = z.optional(z.literal(true))

/** `.fpki/state.json`: the state of a PKI directory, without secrets. */
export const directoryState = z.strictObject({
  version: z.literal(1),
  factory: z.string(),
  /** The Factory API of this PKI. */
  api: z.string(),
  /** The location of the root key. */
  rootKey: keyRef,
  /** The location of the key of local-ca, if not in its file. */
  localCaKey: z.optional(keyRef),
  /** The number of the newest CRL signed for the Factory API; decimal. */
  crlNumber: z.optional(z.string().check(z.regex(/^\d{1,49}$/))),
  /** The revoked device CAs known here, because the Factory API only shows its newest CRL. Decimal. */
  revokedCaSerials: z.optional(z.array(z.string().check(z.regex(/^\d{1,64}$/)))),
  /** The disabled device CAs known here, so that nothing is signed with them offline. Decimal. */
  disabledCaSerials: z.optional(z.array(z.string().check(z.regex(/^\d{1,64}$/)))),
  /** Key files of local CAs that are in a kit now, and no longer here. */
  movedKeys: z.optional(z.array(z.string())),
  restored,
})

/** See {@link directoryState}. */
export type DirectoryState = z.infer<typeof directoryState>

/** Why a check of a backup did not prove the root key: in a token, not in the backup, or no passphrase given. */
export const rootKeyUnproven = z.enum(['in-token', 'not-held', 'not-tried'])

/** See {@link rootKeyUnproven}. */
export type RootKeyUnproven = z.infer<typeof rootKeyUnproven>

/** `.fpki/backup.json`: the newest backup. Not included in backups. */
export const backupRecord = z.strictObject({
  version: z.literal(1),
  /** RFC 3339. */
  madeAt: z.string(),
  /** Where it was written or last checked; absolute. */
  file: z.string(),
  /** SHA-256 of the file, lower-case hex. */
  sha256: z.string(),
  /** When `ca backup --check` or `ca restore` last proved it; null if never. */
  provedAt: z.nullable(z.string()),
  /** Absent when the root key was proven too. */
  rootKeyUnproven: z.optional(rootKeyUnproven),
})

/** See {@link backupRecord}. */
export type BackupRecord = z.infer<typeof backupRecord>
