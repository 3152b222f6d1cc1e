import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Home, newHome, output } from '../../support/cli.js'

const FACTORY = 'acme'
/** The host name that tls-crt is for. */
export const GATEWAY = 'gateway.acme.example'
export const DEVICE = '5f0e1c2d-3b4a-4c5d-8e9f-0a1b2c3d4e5f'

/** A PKI as `fpki ca create` makes it, and the keys that the embedded Factory API keeps. */
export interface Pki {
  readonly home: Home
  readonly directory: string
  /** The path of a file of the PKI directory. */
  path(name: string): string
  /** The path of a key of the embedded Factory API, `tls-1.key` for instance. */
  serverKey(name: string): string
}

/** A key and a certificate in files. */
export interface KeyAndCertificate {
  readonly key: string
  readonly certificate: string
}

/** Every certificate of a PKI directory, by its file. */
export const CERTIFICATES = ['factory_ca.pem', 'tls-crt', 'online-crt', 'local-ca.pem'] as const

/** A new PKI in a HOME of its own, removed with the test. */
export async function newPki(): Promise<Pki> {
  const home = await newHome()
  const directory = join(home.path, FACTORY)
  const { status, stderr } = await home.fpki(['ca', 'create', directory, '--tls-name', GATEWAY])
  if (status !== 0) throw new Error(`fpki ca create: ${status}\n${stderr}`)
  return {
    home,
    directory,
    path: (name) => join(directory, name),
    serverKey: (name) => join(home.state, 'factories', FACTORY, 'keys', name),
  }
}

/** The key and the certificate of a device CA: `online-ca`, or the name of a local CA's files. */
export function deviceCa(pki: Pki, name: string): KeyAndCertificate {
  return name === 'online-ca'
    ? { key: pki.serverKey('ca-1.key'), certificate: pki.path('online-crt') }
    : { key: pki.path(`${name}.key`), certificate: pki.path(`${name}.pem`) }
}

/**
 * A device's client certificate as the registration reference makes it (docs/profile.md#device), made by OpenSSL alone.
 *
 * @param authorityKeyIdentifier a line of an OpenSSL extension file; else a copy of the CA's subjectKeyIdentifier
 */
export function newDevice(
  ca: KeyAndCertificate,
  directory: string,
  days = '7300',
  authorityKeyIdentifier = 'authorityKeyIdentifier=keyid:always',
): Promise<KeyAndCertificate> {
  const subject = `/CN=${DEVICE}/OU=${FACTORY}/businessCategory=production`
  const usages = ['keyUsage=critical,digitalSignature', 'extendedKeyUsage=critical,clientAuth']
  const extensions = [...usages, authorityKeyIdentifier]
  return certificateBy(ca, directory, {
    name: 'device',
    subject,
    extensions,
    serial: `0x${DEVICE.replaceAll('-', '')}`,
    days,
  })
}

/**
 * The same with an authorityKeyIdentifier that is computed from the CA's public key, as factory-registration-ref does
 * (`AuthorityKeyIdentifier.from_issuer_public_key` of Python's cryptography): SHA-1 of the point.
 */
export async function newDeviceByKey(ca: KeyAndCertificate, directory: string): Promise<KeyAndCertificate> {
  return newDevice(ca, directory, '7300', `2.5.29.35=DER:30168014${await publicKeyHash(ca.certificate)}`)
}

/** The SHA-1 of a certificate's subjectPublicKey, upper-case hex, as OpenSSL computes it for OCSP (RFC 6960, 4.1.1). */
export async function publicKeyHash(certificate: string): Promise<string> {
  const text = await output('openssl', ['x509', '-in', certificate, '-noout', '-ocspid'])
  return /^ *Public key OCSP hash: ([0-9A-F]{40})$/m.exec(text)?.[1] ?? text
}

/** A CA below `ca`, which pathlen:0 forbids. */
export function newSubordinateCa(ca: KeyAndCertificate, directory: string): Promise<KeyAndCertificate> {
  const usages = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign']
  const extensions = [...usages, 'subjectKeyIdentifier=hash', 'authorityKeyIdentifier=keyid:always']
  return certificateBy(ca, directory, {
    name: 'subordinate',
    subject: '/CN=subordinate',
    extensions,
    serial: '0x1234',
    days: '30',
  })
}

/** A CA of nobody's, which signs itself. */
export async function newForeignCa(directory: string, subject = '/CN=foreign'): Promise<KeyAndCertificate> {
  const [key, certificate] = [join(directory, 'foreign.key'), join(directory, 'foreign.pem')]
  const words = [
    'req',
    '-x509',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '30',
  ]
  await output('openssl', [...words, '-subj', subject, '-keyout', key, '-out', certificate])
  return { key, certificate }
}

async function certificateBy(
  ca: KeyAndCertificate,
  directory: string,
  wanted: { name: string; subject: string; extensions: readonly string[]; serial: string; days: string },
): Promise<KeyAndCertificate> {
  const path = (ending: string) => join(directory, `${wanted.name}.${ending}`)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path('key')]
  await output('openssl', ['req', '-new', ...key, '-subj', wanted.subject, '-out', path('csr')])
  await writeFile(path('cnf'), [...wanted.extensions, ''].join('\n'))
  const signing = ['-CA', ca.certificate, '-CAkey', ca.key, '-set_serial', wanted.serial, '-days', wanted.days]
  await output('openssl', [
    'x509',
    '-req',
    '-in',
    path('csr'),
    ...signing,
    '-extfile',
    path('cnf'),
    '-out',
    path('pem'),
  ])
  return { key: path('key'), certificate: path('pem') }
}

/** Files put together in a new one; resolves to its path. */
export async function concatenated(directory: string, name: string, ...files: readonly string[]): Promise<string> {
  const path = join(directory, name)
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  await writeFile(path, texts.join('\n'))
  return path
}
