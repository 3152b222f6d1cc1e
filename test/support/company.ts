import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { output } from './cli.js'

/** What a root certificate of the tests says, as OpenSSL is told; each has what is usual. */
export interface RootWords {
  readonly subject?: string
  readonly extensions?: readonly string[]
  /** UTCTime or GeneralizedTime. */
  readonly from?: string
  readonly until?: string
  /** Strings in the subject as PrintableString where they can be. */
  readonly printable?: true
}

/** A CA that OpenSSL keeps: a company's, or a root that signs itself. */
export interface Company {
  /** A folder of the test. */
  readonly folder: string
  readonly certificate: string
  readonly key: string
  /** Signs a request, or makes one for `key` first; resolves to the certificate's path. */
  sign(request: { readonly csr: string } | { readonly key: string }, words?: RootWords): Promise<string>
}

const USUAL = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
]

/** A new private key file: `openssl genpkey` with `words`, or, without a process of its own, OpenSSL's P-256 key. */
export async function newKey(path: string, words: readonly string[] = EC_P256): Promise<string> {
  if (words === EC_P256) await writeFile(path, newP256Pem(), { mode: 0o600 })
  else await output('openssl', ['genpkey', ...words, '-out', path])
  return path
}

/** A new P-256 key (PKCS#8, PEM) by the OpenSSL that is in Node. */
export function newP256Pem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

export const EC_P256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']

/** A company's CA. */
export async function newCompany(): Promise<Company> {
  const folder = await newFolder()
  const key = await newKey(join(folder, 'company.key'))
  const certificate = await signed(folder, { key }, { subject: '/O=Company/CN=Company Root' }, [
    '-selfsign',
    '-keyfile',
    key,
  ])
  const issuer = ['-keyfile', key, '-cert', certificate]
  return { folder, certificate, key, sign: (request, words = {}) => signed(folder, request, words, issuer) }
}

/** A root that signs itself with a key of its own; `words` as for a company's. */
export async function selfSigned(words: RootWords = {}, keyWords: readonly string[] = EC_P256) {
  const folder = await newFolder()
  const key = await newKey(join(folder, 'root.key'), keyWords)
  return { folder, key, certificate: await signed(folder, { key }, words, ['-selfsign', '-keyfile', key]) }
}

/** A folder of the test, with the index of certificates that `openssl ca` needs. */
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fpki-company-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, 'index'), '')
  return folder
}

let made = 0

async function signed(
  folder: string,
  request: { readonly csr: string } | { readonly key: string },
  { subject, extensions = USUAL, from = '20260101000000Z', until = '20500101000000Z', printable }: RootWords,
  issuer: readonly string[],
): Promise<string> {
  const [configuration, certificate] = [join(folder, `${++made}.conf`), join(folder, `${made}.pem`)]
  await writeFile(configuration, configurationFor(folder, extensions, printable === true))
  const csr = 'csr' in request ? request.csr : join(folder, `${made}.csr`)
  const name = ['-subj', subject ?? '/CN=Factory-CA/OU=acme', '-utf8']
  if ('key' in request)
    await output('openssl', ['req', '-new', '-key', request.key, ...name, '-config', configuration, '-out', csr])
  // Without a subject that of the request is kept.
  const renamed = 'csr' in request && subject !== undefined ? name : []
  const times = ['-startdate', from, '-enddate', until]
  await output('openssl', [
    ...['ca', '-batch', '-preserveDN', '-notext', '-md', 'default', '-config', configuration, '-in', csr],
    ...['-out', certificate, ...times, ...renamed, ...issuer],
  ])
  return certificate
}

function configurationFor(folder: string, extensions: readonly string[], printable: boolean): string {
  return [
    '[ca]\ndefault_ca = own',
    `[own]\ndatabase = ${folder}/index\nnew_certs_dir = ${folder}\nrand_serial = yes\npolicy = any\nunique_subject = no\nx509_extensions = root`,
    '[any]\ncommonName = optional\norganizationalUnitName = optional\norganizationName = optional',
    `[root]\n${extensions.join('\n')}`,
    `[req]\ndistinguished_name = none\nstring_mask = ${printable ? 'default' : 'utf8only'}`,
    '[none]\n',
  ].join('\n')
}
