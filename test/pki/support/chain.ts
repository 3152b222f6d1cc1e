import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { output, temporaryDirectory } from '../../support/cli.js'

/** What `openssl ca -extfile` is told. */
export type Extensions = readonly string[]

/** One certificate of a chain, made by OpenSSL. */
export interface Link {
  readonly subject: string
  readonly extensions: Extensions
  /** In days from now. */
  readonly from?: number
  readonly until?: number
  readonly curve?: string
  /** Issued by a key that is not the one of the certificate above it. */
  readonly stolenName?: true
  /** An issuer that is named otherwise than the certificate above it. */
  readonly issuedAs?: string
  /** A signature whose last octet is changed. */
  readonly tampered?: true
  readonly utf8?: false
  readonly digest?: string
}

const HASH: Readonly<Record<string, string>> = { 'P-256': 'sha256', 'P-384': 'sha384', 'P-521': 'sha512' }
const CURVE: Readonly<Record<string, string>> = { 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' }

/** Makes a chain with OpenSSL alone, the root first; resolves to the files of its certificates. */
export async function makeChain(links: readonly Link[]): Promise<readonly string[]> {
  const folder = await temporaryDirectory()
  const files: string[] = []
  for (const [index, link] of links.entries()) files.push(await makeLink(folder, index, link, links[index - 1] ?? link))
  return files
}

async function makeLink(folder: string, index: number, link: Link, above: Link): Promise<string> {
  const path = (name: string) => join(folder, `${index}.${name}`)
  const { subject, extensions, from = -1, until = 30, curve = 'P-256', utf8 = true } = link
  await newKey(path('key'), curve)
  await writeFile(path('cnf'), configuration(folder, path('db'), utf8))
  await writeFile(path('db'), '')
  await writeFile(path('ext'), `${extensions.join('\n')}\n`)
  const config = ['-config', path('cnf')]
  await output('openssl', ['req', '-new', ...config, '-subj', subject, '-key', path('key'), '-out', path('csr')])
  const words = ['ca', '-batch', '-notext', '-preserveDN', ...config, '-extfile', path('ext')]
  const dates = [
    '-startdate',
    date(from),
    '-enddate',
    date(until),
    '-md',
    link.digest ?? HASH[above.curve ?? 'P-256'] ?? '',
  ]
  const issuer = index === 0 ? ['-selfsign', '-keyfile', path('key')] : await issuerOf(folder, index, link, above)
  await output('openssl', [...words, ...dates, ...issuer, '-in', path('csr'), '-out', path('pem')])
  if (link.tampered) await tamper(path('pem'))
  return path('pem')
}

/** The certificate and the key that sign: those of the link above, or ones that only look like them. */
async function issuerOf(folder: string, index: number, link: Link, above: Link): Promise<readonly string[]> {
  const [pem, key] = [join(folder, `${index - 1}.pem`), join(folder, `${index - 1}.key`)]
  const { stolenName, issuedAs = above.subject, utf8 = true } = link
  if (!stolenName && link.issuedAs === undefined) return ['-cert', pem, '-keyfile', key]
  const [otherPem, otherKey] = [
    join(folder, `${index}.other.pem`),
    stolenName ? join(folder, `${index}.other.key`) : key,
  ]
  if (stolenName) await newKey(otherKey, above.curve ?? 'P-256')
  await writeFile(join(folder, 'other.cnf'), configuration(folder, 'none', utf8))
  const words = ['req', '-x509', '-new', '-config', join(folder, 'other.cnf'), '-key', otherKey, '-subj', issuedAs]
  await output('openssl', [...words, '-addext', 'subjectKeyIdentifier=hash', '-out', otherPem])
  return ['-cert', otherPem, '-keyfile', otherKey]
}

async function newKey(path: string, curve: string): Promise<void> {
  await output('openssl', ['ecparam', '-genkey', '-noout', '-name', CURVE[curve] ?? '', '-out', path])
}

function configuration(folder: string, database: string, utf8: boolean): string {
  const ca = [
    '[ca]',
    'default_ca=it',
    '[it]',
    `database=${database}`,
    `new_certs_dir=${folder}`,
    'rand_serial=yes',
    'policy=any',
    '[any]',
  ]
  const request = ['[req]', 'prompt=no', `string_mask=${utf8 ? 'utf8only' : 'pkix'}`, 'distinguished_name=dn', '[dn]']
  return [...ca, 'CN=optional', 'OU=optional', ...request, ''].join('\n')
}

/** In a number of days, as `openssl ca` wants it. */
function date(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '')
}

/** Changes the last octet of the certificate, which is one of the signature. */
async function tamper(path: string): Promise<void> {
  const [, base64 = ''] = /-----BEGIN CERTIFICATE-----([^-]+)/.exec(await readFile(path, 'utf8')) ?? []
  const der = Buffer.from(base64, 'base64')
  der.writeUInt8((der.at(-1) ?? 0) ^ 1, der.length - 1)
  await writeFile(
    path,
    `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  )
}
