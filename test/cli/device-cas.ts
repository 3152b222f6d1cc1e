import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { factoryCertificates } from '../../src/factory/api.js'
import { output } from '../support/cli.js'
import { copiedPki, type Made, x509 } from './made.js'

/** The serial number of a certificate in a file, as OpenSSL reads it; decimal. */
export async function serialOf(path: string): Promise<string> {
  return BigInt(`0x${(await x509(path, '-serial')).replace('serial=', '')}`).toString()
}

/** A decimal serial number as OpenSSL prints it, for people. */
export function hexOf(decimal: string): string {
  const hex = BigInt(decimal).toString(16).toUpperCase()
  return (hex.padStart(hex.length + (hex.length % 2), '0').match(/../g) ?? []).join(':')
}

/** What the embedded Factory API has in its file. */
export async function knownOf({ stateFile }: Pick<Made, 'stateFile'>) {
  const { certificates }: { certificates: unknown } = JSON.parse(await readFile(stateFile, 'utf8'))
  return factoryCertificates.parse(certificates)
}

/** The serial numbers of the device CAs that the embedded Factory API has, as OpenSSL reads them. */
export async function deviceCaSerials(made: Pick<Made, 'stateFile'>): Promise<readonly string[]> {
  const { caCrt } = await knownOf(made)
  const blocks = caCrt?.match(/-----BEGIN[\s\S]*?-----END CERTIFICATE-----\n/g) ?? []
  const serials = blocks.map((stdin) => output('openssl', ['x509', '-noout', '-serial'], { stdin }))
  return (await Promise.all(serials)).map((line) => BigInt(`0x${line.replace('serial=', '').trim()}`).toString())
}

/** The number of the CRL that the embedded Factory API has, as OpenSSL reads it. */
export async function crlNumberOf(made: Pick<Made, 'stateFile'>): Promise<number> {
  const { caRevokeCrl } = await knownOf(made)
  const line = await output('openssl', ['crl', '-noout', '-crlnumber'], { stdin: caRevokeCrl ?? '' })
  return Number(line.replace('crlNumber=', ''))
}

/** The serial numbers, decimal, and reasons in a CRL, as OpenSSL reads them. */
export async function entriesOf(crl: string): Promise<readonly (readonly [serial: string, reason: string])[]> {
  const text = await output('openssl', ['crl', '-noout', '-text'], { stdin: crl })
  const entries = [...text.matchAll(/Serial Number: (\w+)[\s\S]*?Reason Code: \n +(.*)\n/g)]
  return entries.map(([, serial = '', reason = '']) => [BigInt(`0x${serial}`).toString(), reason])
}

async function makeThreeCas(): Promise<Made> {
  const made = await copiedPki()
  const words = ['ca', 'add-device-ca', made.directory, '--local-ca', '--local-ca-filename', 'site-b.pem', '--quiet']
  expect(await made.home.fpki(words)).toMatchObject({ status: 0, stderr: '' })
  return made
}

/** A PKI with online-ca, local-ca and the local-ca site-b, and their serial numbers. */
export async function pkiWithThreeCas() {
  const made = await copiedPki(makeThreeCas)
  const [online, local, siteB] = await Promise.all(
    ['online-crt', 'local-ca.pem', 'site-b.pem'].map((name) => serialOf(join(made.directory, name))),
  )
  return { ...made, online: online ?? '', local: local ?? '', siteB: siteB ?? '' }
}
