/** The files of a PKI directory (docs/profile.md#files), each with mode 0400 and one PEM block. */
export const PKI_FILES = {
  rootKey: 'factory_ca.key',
  rootCertificate: 'factory_ca.pem',
  tlsCertificate: 'tls-crt',
  onlineCaCertificate: 'online-crt',
  estTlsCertificate: 'est-tls-crt',
  localCaKey: 'local-ca.key',
  localCaCertificate: 'local-ca.pem',
} as const

/** One of the names of {@link PKI_FILES}. */
export type PkiFile = (typeof PKI_FILES)[keyof typeof PKI_FILES]

/** Is it one of {@link PKI_FILES}? */
export function isPkiFile(name: string): name is PkiFile {
  return Object.values<string>(PKI_FILES).includes(name)
}

/** The description of each file, and whether it is secret. */
export const FILE_MEANINGS: Readonly<Record<PkiFile, { readonly meaning: string; readonly secret: boolean }>> = {
  'factory_ca.key': { meaning: 'the key of the root of trust', secret: true },
  'factory_ca.pem': { meaning: 'the certificate of the root of trust', secret: false },
  'tls-crt': { meaning: "the device gateway's server certificate", secret: false },
  'online-crt': { meaning: 'online-ca: signs devices that register online', secret: false },
  'est-tls-crt': { meaning: "the EST server's certificate", secret: false },
  'local-ca.key': { meaning: 'the key of local-ca', secret: true },
  'local-ca.pem': { meaning: 'local-ca: signs devices in manufacturing', secret: false },
}

/** The request of `ca root-csr` for a root certificate from a company CA. */
export const ROOT_CSR = 'factory_ca.csr'

/** Keys and certificates are never changed in place. */
export const PKI_FILE_MODE = 0o400

/** fpki's own files, in a folder of mode 0700 (docs/profile.md#own-files). */
export const OWN_FOLDER = '.fpki'
export const OWN_FILES = { state: 'state.json', journal: 'journal.jsonl', lock: 'lock', backup: 'backup.json' } as const

/** The audit log, and its newest signed line, in fpki's own folder. */
export const AUDIT_LOG = 'log.jsonl'
export const AUDIT_LOG_HEAD = 'log.head'

/** The device register (SQLite), in a PKI directory or kit. */
export const DEVICE_REGISTER = 'devices.sqlite'

/** What makes a directory a kit, and lists its content (docs/kit.md). */
export const KIT_MANIFEST = 'kit.json'

/** Below it: staged files that the Factory API has not accepted yet, under their final names. */
export const PENDING_FOLDER = 'pending'

/** Below it too: a snapshot of each change, and the files of abandoned commands. */
export const HISTORY_FOLDER = 'history'
export const ABANDONED_FOLDER = 'abandoned'

/** Below it: the certificate that `devices serve` issued to itself, and its key. */
export const REGISTRATION_FOLDER = 'registration'

/**
 * The cross-certificate for the root with this key (SHA-256 of its SubjectPublicKeyInfo, hex), signed by the root of the
 * directory. A renewed root has the same key, so that its cross-certificate replaces that of the earlier one.
 */
export function crossCertificateFile(keyFingerprint: string): string {
  return `factory_ca.cross-${keyFingerprint.slice(0, 8)}.pem`
}

/** Whether it is such a name. */
export function isCrossCertificate(name: string): boolean {
  return /^factory_ca\.cross-[0-9a-f]{8}\.pem$/.test(name)
}

/** Whether it is the name of a private key. */
export function isKeyFile(name: string): boolean {
  return /^[^.].*\.key$/.test(name)
}

/** Whether it is the name of a current certificate, not an earlier one (`tls-crt.bak`). */
export function isCertificateFile(name: string): boolean {
  const { tlsCertificate, onlineCaCertificate, estTlsCertificate } = PKI_FILES
  const plain: readonly string[] = [tlsCertificate, onlineCaCertificate, estTlsCertificate]
  return plain.includes(name) || /^[^.].*\.pem$/.test(name)
}

/** Whether it is the name of a replaced certificate. */
export function isEarlierCertificate(name: string): boolean {
  const [, base = ''] = /^(.+)\.bak(?:\.\d+)?$/.exec(name) ?? []
  return isCertificateFile(base)
}

/**
 * Whether a name has a suffix of fpki's own files: certificates, keys, requests, earlier certificates (`.bak`, `.bak.1`), or
 * leftovers of interrupted writes. Before `.pem`, such a suffix would be misleading.
 */
export function isReservedSuffix(name: string): boolean {
  return /\.(pem|key|csr|bak(\.\d+)?|fpki-[^.]*)$/i.test(name)
}
