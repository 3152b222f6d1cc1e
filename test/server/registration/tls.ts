import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { output, temporaryDirectory } from '../../support/cli.js'

/** A key and a certificate of its own, PEM. */
export interface SelfSigned {
  readonly key: string
  readonly cert: string
  readonly der: Buffer
  /** The files of both. */
  readonly keyPath: string
  readonly certPath: string
}

/** A server on 127.0.0.1. */
export function newServerIdentity(): Promise<SelfSigned> {
  return selfSigned('server', ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'])
}

/** A station's client certificate. */
export function newStation(): Promise<SelfSigned> {
  return selfSigned('station', ['-addext', 'extendedKeyUsage=clientAuth'])
}

async function selfSigned(name: string, extensions: readonly string[]): Promise<SelfSigned> {
  const folder = await temporaryDirectory()
  const [keyPath, certPath] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyPath]
  await output('openssl', [
    'req',
    '-x509',
    ...key,
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
    ...extensions,
    '-out',
    certPath,
  ])
  const cert = await readFile(certPath, 'utf8')
  return { key: await readFile(keyPath, 'utf8'), cert, der: new X509Certificate(cert).raw, keyPath, certPath }
}
