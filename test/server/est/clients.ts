import { generateKeyPairSync } from 'node:crypto'
import { readCertificateFields, readExtension } from '../../pki/support/certificate-fields.js'
import { buildCsr, extension, extensionRequest, type KeyPair } from '../../pki/support/csr.js'
import { pem } from '../../pki/support/der.js'
import { runProgram } from '../../support/cli.js'
import { type ClientAnswer, type ClientOptions, send } from '../../support/register-client.js'

/** A device with a certificate, as its EST client has them. */
export interface EstDevice {
  /** PEM; what `identity` of the TLS connection is. */
  readonly key: string
  readonly cert: string
}

/** What a client believes after a renewal: its new certificate, PEM and DER, and its new key. */
export interface Renewed {
  readonly answer: ClientAnswer
  readonly der: Buffer
  readonly device: EstDevice
}

/** What is asked for where it is not as usual. */
export interface Asked {
  /** DER of a Name; by default that of the certificate. */
  readonly subject?: Buffer
  readonly key?: KeyPair
  readonly attributes?: readonly Uint8Array[]
}

const KEY_USAGE = '03020780'
const CLIENT_AUTH = '300a06082b06010505070302'

/** Critical digitalSignature and clientAuth. */
export const DEVICE_EXTENSIONS = [
  extension('2.5.29.15', critical(KEY_USAGE)),
  extension('2.5.29.37', critical(CLIENT_AUTH)),
]

function critical(hex: string): Buffer {
  return Buffer.from(hex, 'hex')
}

/** Of the first certificate, where its CA is sent along. */
export function derOf(certificate: string): Buffer {
  const [, base64 = ''] = /-----BEGIN CERTIFICATE-----([^-]*)/.exec(certificate) ?? []
  return Buffer.from(base64, 'base64')
}

/** A request for the subject of a certificate, and its key. */
export function renewalRequest(device: EstDevice, asked: Asked = {}): { readonly der: Buffer; readonly key: KeyPair } {
  const { subject = readCertificateFields(derOf(device.cert)).subject, key = generateKeyPairSync('ec', P256) } = asked
  const attributes = asked.attributes ?? [extensionRequest(...DEVICE_EXTENSIONS)]
  return { der: buildCsr({ subject, key, attributes }), key }
}

const P256 = { namedCurve: 'prime256v1' } as const

/** Where a client renews. */
export interface EstServer {
  /** With the label of a line, when it has one. */
  readonly base: string
  /** PEM. */
  readonly trust: string
}

/** One request of EST. */
export function est(
  { base, trust }: EstServer,
  path: string,
  request: {
    readonly device?: EstDevice | null
    readonly body?: string | Buffer
    readonly headers?: Readonly<Record<string, string>>
    readonly method?: string
  } = {},
): Promise<ClientAnswer> {
  const { device = null, body, headers = {}, method = body === undefined ? 'GET' : 'POST' } = request
  const options: ClientOptions = { api: base, trust, headers, ...(device === null ? {} : { identity: device }) }
  return send(options, { method, path: `${base}/${path}`, ...(body === undefined ? {} : { body }) })
}

/**
 * fioconfig up to release 96: a new key each time, a request with the octets of its subject, base64 in one line; it takes nothing
 * but 201 with exactly one content type, and of the answer the first certificate, which it looks at.
 */
export async function fioconfig(server: EstServer, device: EstDevice, asked: Asked = {}): Promise<Renewed> {
  const { der, key } = renewalRequest(device, asked)
  const answer = await est(server, 'simplereenroll', {
    device,
    body: der.toString('base64'),
    headers: { 'User-Agent': 'Go-http-client/1.1', 'Content-Type': 'application/pkcs10', 'Accept-Encoding': 'gzip' },
  })
  if (answer.status !== 201) throw new Error(`fioconfig: unexpected status ${answer.status}: ${answer.text}`)
  if (answer.headers['content-type'] !== 'application/pkcs7-mime') throw new Error('fioconfig: content type')
  const [cert = ''] = await certificatesIn(answer.text)
  checkAsFioconfig(derOf(cert), device)
  return renewed(answer, cert, key)
}

/** Octets, not meanings: Go compares RawSubject, and the values of the extensions. */
export function checkAsFioconfig(der: Buffer, device: EstDevice): void {
  const fields = readCertificateFields(der)
  const extensions = new Map(
    fields.extensions.map((octets) => {
      const { type, value, critical: isCritical } = readExtension(octets)
      return [type, { value, isCritical }]
    }),
  )
  if (!fields.subject.equals(readCertificateFields(derOf(device.cert)).subject)) throw new Error('fioconfig: subject')
  if (extensions.get('551d0f')?.value !== KEY_USAGE) throw new Error('fioconfig: keyUsage')
  if (extensions.get('551d25')?.value !== CLIENT_AUTH) throw new Error('fioconfig: extKeyUsage')
  if (extensions.get('551d0f')?.isCritical !== true) throw new Error('keyUsage is not critical')
}

/** A client that does as RFC 7030 says, as libest: only 200, and any parameters of the content type. */
export async function rfcClient(server: EstServer, device: EstDevice, asked: Asked = {}): Promise<Renewed> {
  const { der, key } = renewalRequest(device, asked)
  const lines = der.toString('base64').replace(/.{64}/g, '$&\r\n')
  const answer = await est(server, 'simplereenroll', {
    device,
    body: `${lines}\r\n`,
    headers: { 'Content-Type': 'application/pkcs10', 'Content-Transfer-Encoding': 'base64', Accept: '*/*' },
  })
  if (answer.status !== 200) throw new Error(`RFC 7030: unexpected status ${answer.status}: ${answer.text}`)
  const type = String(answer.headers['content-type'])
  if (!/^application\/pkcs7-mime(;|$)/.test(type)) throw new Error(`RFC 7030: content type ${type}`)
  const all = await certificatesIn(answer.text)
  if (all.length !== 1) throw new Error('RFC 7030: not exactly the issued certificate')
  return renewed(answer, all[0] ?? '', key)
}

function renewed(answer: ClientAnswer, cert: string, { privateKey }: KeyPair): Renewed {
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  return { answer, der: derOf(cert), device: { key, cert } }
}

/** The certificates in a certs-only message in base64, PEM, in their order, as OpenSSL reads them. */
export async function certificatesIn(base64: string): Promise<readonly string[]> {
  const stdin = pem('PKCS7', Buffer.from(base64, 'base64'))
  const { status, stdout, stderr } = await runProgram('openssl', ['pkcs7', '-print_certs'], { stdin })
  if (status !== 0) throw new Error(`openssl: ${stderr}`)
  return stdout.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n/g) ?? []
}
