import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { output, temporaryDirectory } from '../../support/cli.js'
import { newP256Pem } from '../../support/company.js'

/** The `openssl genpkey` words for a kind of key. */
const KEYS = {
  'P-256': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'P-384': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  'P-521': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'],
  secp256k1: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'],
  explicit: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:explicit'],
  Ed25519: ['-algorithm', 'ED25519'],
  'RSA-1024': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
  'RSA-2047': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2047'],
  'RSA-2048': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  'RSA-3072': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'],
  'RSA-PSS': ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'],
} as const

export type KeyKind = keyof typeof KEYS

/** What `openssl req` is asked to make. */
export interface Wanted {
  readonly key?: KeyKind
  /** PEM, in the place of a new key. */
  readonly keyPem?: string
  /** `/CN=gateway.example/OU=acme`; null: an empty one. */
  readonly subject?: string | null
  /** `subjectAltName=DNS:a.example`, each for one -addext. */
  readonly extensions?: readonly string[]
  /** More words for `openssl req`. */
  readonly words?: readonly string[]
}

/** A PEM private key made by OpenSSL; the usual kind without a process of its own. */
export async function opensslKey(kind: KeyKind): Promise<string> {
  return kind === 'P-256' ? newP256Pem() : output('openssl', ['genpkey', ...KEYS[kind]])
}

/** A PEM request made by OpenSSL. */
export async function opensslCsr(wanted: Wanted = {}): Promise<string> {
  const { key = 'P-256', subject = '/CN=gateway.example/OU=acme', extensions = [], words = [] } = wanted
  const directory = await temporaryDirectory()
  const path = (name: string) => join(directory, name)
  await writeFile(path('key.pem'), wanted.keyPem ?? (await opensslKey(key)), { mode: 0o600 })
  // A configuration of its own: what the machine's says must not matter.
  await writeFile(path('req.cnf'), '[req]\ndistinguished_name = none\nprompt = no\nutf8 = yes\n[none]\n')
  const added = extensions.flatMap((extension) => ['-addext', extension])
  const request = ['req', '-new', '-config', path('req.cnf'), '-key', path('key.pem'), '-subj', subject ?? '/']
  await output('openssl', [...request, ...added, ...words, '-out', path('request.pem')])
  return readFile(path('request.pem'), 'utf8')
}
