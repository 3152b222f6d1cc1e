import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { output, temporaryDirectory } from '../support/cli.js'
import type { Made } from './made.js'

/** What a forged certificate says where it is not as usual. */
export interface Forged {
  readonly subject?: string
  /** As `openssl ca -extfile` has them. */
  readonly extensions?: readonly string[]
  /** In days from now. */
  readonly from?: number
  readonly until?: number
  /** Hex. */
  readonly serial?: string
  readonly curve?: string
  readonly digest?: string
  /** The file of a key that it is for; else a new one. */
  readonly key?: string
  /** Signed by a key of nobody's, under the root's name. */
  readonly stolen?: true
  /** The issuer; else the root's name as the root writes it. */
  readonly issuer?: string
  readonly rsaBits?: number
  readonly stringMask?: string
}

const KEY_IDS = ['subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid']
export const ROOT_EXTENSIONS = [
  ...['keyUsage=critical,keyCertSign,cRLSign', 'extendedKeyUsage=serverAuth,clientAuth'],
  ...['basicConstraints=critical,CA:TRUE', 'subjectKeyIdentifier=hash'],
]
export const CA_EXTENSIONS = [
  'keyUsage=critical,keyCertSign',
  'basicConstraints=critical,CA:TRUE,pathlen:0',
  ...KEY_IDS,
]
export const TLS_EXTENSIONS = [
  ...['keyUsage=critical,digitalSignature', 'extendedKeyUsage=serverAuth', ...KEY_IDS],
  'subjectAltName=DNS:gateway.acme.example',
]
const SUBJECTS: Readonly<Record<string, string>> = {
  'factory_ca.pem': '/CN=Factory-CA/OU=acme',
  'tls-crt': '/CN=gateway.acme.example/OU=acme',
  'online-crt': '/CN=online-ca/OU=acme',
}

/** Puts a certificate of OpenSSL's into a PKI directory, signed by its root key, with its own key beside it for a local CA. */
export async function forge(pki: Made, file: string, forged: Forged = {}): Promise<void> {
  const folder = await temporaryDirectory()
  const path = (name: string) => join(folder, name)
  const isServer = file === 'tls-crt'
  const { subject = SUBJECTS[file] ?? '/CN=fio-1/OU=acme', from = 0, until = 300, digest = 'sha256' } = forged
  const key = forged.key === undefined ? await newKey(path('key'), forged) : pki.path(forged.key)
  const usual = file === 'factory_ca.pem' ? ROOT_EXTENSIONS : isServer ? TLS_EXTENSIONS : CA_EXTENSIONS
  await writeFile(path('ext'), `${(forged.extensions ?? usual).join('\n')}\n`)
  await writeFile(path('cnf'), configuration(folder, forged.stringMask ?? 'utf8only'))
  await writeFile(path('db'), '')
  await writeFile(path('serial'), `${forged.serial ?? '5A000000000000000000000000000000000000BB'}\n`)
  const config = ['-config', path('cnf')]
  await output('openssl', ['req', '-new', ...config, '-subj', subject, '-key', key, '-out', path('csr')])
  const issuer = file === 'factory_ca.pem' ? ['-selfsign', '-keyfile', key] : await issuerOf(pki, path, forged)
  const words = ['ca', '-batch', '-notext', '-preserveDN', ...config, '-extfile', path('ext'), '-md', digest, ...issuer]
  const dates = ['-startdate', date(from), '-enddate', date(until)]
  await output('openssl', [...words, ...dates, '-in', path('csr'), '-out', path('pem')])
  await put(pki.path(file), await readFile(path('pem'), 'utf8'))
  if (file.endsWith('.pem')) {
    const keyFile = `${basename(file, '.pem')}.key`
    if (forged.key !== keyFile) await put(pki.path(keyFile), await readFile(key, 'utf8'))
  }
}

/** Puts a file in the place of another, with the mode of all of them. */
export async function put(path: string, text: string, mode = 0o400): Promise<void> {
  await rm(path, { force: true })
  await writeFile(path, text)
  await chmod(path, mode)
}

/** A new private key of OpenSSL's, in the form of its file. */
async function newKey(path: string, { curve = 'prime256v1', rsaBits }: Forged): Promise<string> {
  if (rsaBits === undefined) await output('openssl', ['ecparam', '-genkey', '-noout', '-name', curve, '-out', path])
  else await output('openssl', ['genrsa', '-out', path, `${rsaBits}`])
  return path
}

async function issuerOf(pki: Made, path: (name: string) => string, forged: Forged): Promise<readonly string[]> {
  const { stolen, issuer = SUBJECTS['factory_ca.pem'] ?? '' } = forged
  const rootKey = pki.path('factory_ca.key')
  if (!stolen && forged.issuer === undefined) return ['-cert', pki.path('factory_ca.pem'), '-keyfile', rootKey]
  const key = stolen ? await newKey(path('other.key'), {}) : rootKey
  const self = ['req', '-x509', '-new', '-config', path('cnf'), '-key', key, '-subj', issuer]
  await output('openssl', [...self, '-addext', 'subjectKeyIdentifier=hash', '-out', path('other.pem')])
  return ['-cert', path('other.pem'), '-keyfile', key]
}

function configuration(folder: string, mask: string): string {
  const ca = [
    '[ca]',
    'default_ca=it',
    '[it]',
    `database=${folder}/db`,
    `serial=${folder}/serial`,
    `new_certs_dir=${folder}`,
  ]
  const request = ['[req]', 'prompt=no', `string_mask=${mask}`, 'distinguished_name=dn', '[dn]']
  return [...ca, 'policy=any', '[any]', 'CN=optional', 'OU=optional', ...request, ''].join('\n')
}

function date(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '')
}
