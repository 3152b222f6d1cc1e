import { cpSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, inject } from 'vitest'
import { crossSignResult } from '../../src/index.js'
import { type Home, output } from '../support/cli.js'

/** A PKI with a device, and with the cross-certificate that its root has signed for the other one. */
export interface Pki {
  readonly factory: string
  readonly directory: string
  /** The cross-certificate for the root of the other PKI. */
  readonly cross: string
  /** A device of local-ca, and its key. */
  readonly device: string
  readonly deviceKey: string
  /** The key of tls-crt, which the embedded Factory API keeps. */
  readonly tlsKey: string
  path(name: string): string
}

/** The PKI of acme and a second one, of `factory`, whose roots have signed each other. */
export async function pairOfRoots(at: Home, factory: string) {
  const [one, other] = [join(at.path, 'acme'), join(at.path, 'next')]
  const states = [at.state, join(at.path, 'state-2')] as const
  cpSync(inject('pkiHome') ?? '', at.path, { recursive: true })
  const words = ['--factory', factory, '--state-dir', states[1], '--quiet']
  expect(await at.fpki(['ca', 'create', other, ...words])).toMatchObject({ status: 0 })
  const { status, stdout, stderr } = await at.fpki(['ca', 'cross-sign', one, '--with', other, '--json'])
  expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  const { certificates } = crossSignResult.parse(JSON.parse(stdout))
  const pki = async (directory: string, name: string, state: string): Promise<Pki> => {
    const file = certificates.find((certificate) => certificate.directory === directory)?.file ?? ''
    const path = (of: string) => join(directory, of)
    const tlsKey = join(state, 'factories', name, 'keys', 'tls-1.key')
    return {
      factory: name,
      directory,
      cross: path(file),
      tlsKey,
      path,
      ...(await newDevice(`${directory}-device`, path, name)),
    }
  }
  return { older: await pki(one, 'acme', states[0]), newer: await pki(other, factory, states[1]) }
}

/** A device that openssl certifies with the key of local-ca. */
async function newDevice(at: string, path: (name: string) => string, factory: string) {
  const subject = `/CN=0b2b0f3a-7e58-4d3c-9d44-0123456789ab/OU=${factory}`
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await output('openssl', ['req', ...ec, '-keyout', `${at}.key`, '-out', `${at}.csr`, '-subj', subject])
  await writeFile(
    `${at}.cnf`,
    'keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n',
  )
  await output('openssl', [
    ...['x509', '-req', '-days', '30', '-in', `${at}.csr`, '-out', `${at}.pem`, '-extfile', `${at}.cnf`],
    ...['-CA', path('local-ca.pem'), '-CAkey', path('local-ca.key')],
  ])
  return { device: `${at}.pem`, deviceKey: `${at}.key` }
}
