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

/** What each file is, for people, and whether it is a secret. */
export const FILE_MEANINGS: Readonly<Record<PkiFile, { readonly meaning: string; readonly secret: boolean }>> = {
  'factory_ca.key': { meaning: 'the key of the root of trust', secret: true },
  'factory_ca.pem': { meaning: 'the certificate of the root of trust', secret: false },
  'tls-crt': { meaning: "the device gateway's server certificate", secret: false },
  'online-crt': { meaning: 'online-ca: signs devices that register online', secret: false },
  'est-tls-crt': { meaning: "the EST server's certificate", secret: false },
  'local-ca.key': { meaning: 'the key of local-ca', secret: true },
  'local-ca.pem': { meaning: 'local-ca: signs devices in manufacturing', secret: false },
}

/** The request for a root certificate that a company's CA is to sign; `ca root-csr` makes it. */
export const ROOT_CSR = 'factory_ca.csr'

/** Keys and certificates are never changed in place. */
export const PKI_FILE_MODE = 0o400

/** fpki's own files, in a folder of mode 0700 (docs/profile.md#own-files). */
export const OWN_FOLDER = '.fpki'
export const OWN_FILES = { state: 'state.json', journal: 'journal.jsonl', lock: 'lock', backup: 'backup.json' } as const

/** The audit log, and the newest line that the root has signed for, in fpki's own folder. */
export const AUDIT_LOG = 'log.jsonl'
export const AUDIT_LOG_HEAD = 'log.head'

/** Below it: what a command has made and the Factory API has not taken yet, each file under its name to be. */
export const PENDING_FOLDER = 'pending'

/** Below it too: a snapshot of each change, and what abandoned commands have made. */
export const HISTORY_FOLDER = 'history'
export const ABANDONED_FOLDER = 'abandoned'

/** Is it the name of a private key: that of the root or of a local CA? */
export function isKeyFile(name: string): boolean {
  return /^[^.].*\.key$/.test(name)
}

/** Is it the name of a certificate that is in use? Earlier ones (`tls-crt.bak`) are not. */
export function isCertificateFile(name: string): boolean {
  const { tlsCertificate, onlineCaCertificate, estTlsCertificate } = PKI_FILES
  const plain: readonly string[] = [tlsCertificate, onlineCaCertificate, estTlsCertificate]
  return plain.includes(name) || /^[^.].*\.pem$/.test(name)
}

/** Is it the name of an earlier certificate, kept when another took its place? */
export function isEarlierCertificate(name: string): boolean {
  const [, base = ''] = /^(.+)\.bak(?:\.\d+)?$/.exec(name) ?? []
  return isCertificateFile(base)
}

/**
 * Does a name end as fpki's own files do: certificates, keys, requests, earlier certificates (`.bak`, `.bak.1`), or what an
 * interrupted write leaves? Such an ending before `.pem` would make one file look like another.
 */
export function isReservedSuffix(name: string): boolean {
  return /\.(pem|key|csr|bak(\.\d+)?|fpki-[^.]*)$/i.test(name)
}
