import { ECDH, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  buildCsr,
  CN,
  csrPem,
  dnsNames,
  extension,
  extensionRequest,
  newKey,
  O,
  OU,
  spkiOf,
  utf8Name,
} from '../../pki/support/csr.js'
import { bitString, objectIdentifier, sequence, setOf, tlv } from '../../pki/support/der.js'
import { opensslCsr } from '../../pki/support/openssl-csr.js'
import { output, temporaryDirectory } from '../../support/cli.js'
import { deviceCsr } from '../../support/device-requests.js'
import { type Issued, issueScene, registered } from './scene.js'

const BUSINESS_CATEGORY = '2.5.4.15'
const CA_TRUE = extension('2.5.29.19', Buffer.from('30030101ff', 'hex'))
const SERVER_AUTH = extension('2.5.29.37', Buffer.from('300a06082b06010505070301', 'hex'))
const CERT_SIGN = extension('2.5.29.15', Buffer.from('03020204', 'hex'))

/** A request with a subject of its own. */
const named = (...attributes: readonly (readonly [string, string])[]) =>
  csrPem(buildCsr({ subject: utf8Name(...attributes) }))
const asking = (...extensions: readonly Buffer[]) => deviceCsr({ attributes: [extensionRequest(...extensions)] }).pem
const uuid = () => randomUUID()

/** A request that OpenSSL makes with a key of a kind. */
async function withKey(...algorithm: readonly string[]): Promise<string> {
  const folder = await temporaryDirectory()
  const key = join(folder, 'key.pem')
  await output('openssl', ['genpkey', '-out', key, '-algorithm', ...algorithm])
  return output('openssl', ['req', '-new', '-key', key, '-subj', `/CN=${uuid()}/OU=acme`])
}

function withoutSignature(): string {
  const [whole, other] = [deviceCsr().pem, deviceCsr().pem].map((pem) =>
    Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64'),
  )
  // The signature is the last part, and has another length now and then.
  const [info, signature] = [whole, other].map((der = Buffer.alloc(0)) => {
    const end = der.indexOf(Buffer.from('300a06082a8648ce3d040302', 'hex'))
    return { info: der.subarray(der[1] === 0x81 ? 3 : 4, end), signature: der.subarray(end) }
  })
  if (info === undefined || signature === undefined) throw new Error('no request')
  return csrPem(sequence(info.info, signature.signature))
}

const [first, sameKey] = (() => {
  const key = newKey()
  return [deviceCsr({ key }), deviceCsr({ key })]
})()

/** What is wrong with a request, the request, the code, and the reason. */
const REQUESTS: readonly (readonly [string, () => string | Promise<string>, string, RegExp])[] = [
  ['another factory', () => named([CN, uuid()], [OU, 'other']), 'csr-factory', /^its OU is "other", not acme$/],
  ['no OU', () => named([CN, uuid()]), 'csr-factory', /^its subject has no OU$/],
  ['two OUs', () => named([CN, uuid()], [OU, 'acme'], [OU, 'other']), 'csr-factory', /^its subject has 2 times OU$/],
  [
    'the OU twice',
    () => named([CN, uuid()], [OU, 'acme'], [OU, 'acme']),
    'csr-factory',
    /^its subject has 2 times OU$/,
  ],
  ['no CN', () => named([OU, 'acme']), 'csr-common-name', /^its subject has no CN$/],
  ['two CNs', () => named([CN, uuid()], [CN, uuid()], [OU, 'acme']), 'csr-common-name', /^its subject has 2 times CN$/],
  [
    'a CN that is no UUID',
    () => named([CN, 'device-1'], [OU, 'acme']),
    'csr-common-name',
    /^the CN of its subject is not a UUID$/,
  ],
  ['another attribute', () => named([CN, uuid()], [OU, 'acme'], [O, 'acme']), 'csr-subject', /^its subject has O$/],
  [
    'a subject with two attributes in one RDN',
    () => opensslCsr({ subject: `/CN=${uuid()}+OU=acme` }),
    'csr-subject',
    /^its subject has several attributes in one RDN$/,
  ],
  [
    'a string type of old',
    () => csrPem(buildCsr({ subject: t61Name(uuid()) })),
    'csr-subject',
    /^the OU of its subject is a T61String|TeletexString$/,
  ],
  [
    'production, where the line makes none',
    () => deviceCsr({ production: true }).pem,
    'csr-production',
    /^it is for a production device, which this line does not make$/,
  ],
  [
    'another category',
    () => named([CN, uuid()], [OU, 'acme'], [BUSINESS_CATEGORY, 'test']),
    'csr-production',
    /^its businessCategory is "test", not production$/,
  ],
  ['CA:TRUE', () => asking(CA_TRUE), 'csr-extension', /^it asks to be a CA \(CA:TRUE\)$/],
  ['serverAuth', () => asking(SERVER_AUTH), 'csr-extension', /^it asks for the extKeyUsage serverAuth$/],
  ['a keyUsage', () => asking(CERT_SIGN), 'csr-extension', /^it asks for the keyUsage keyCertSign$/],
  ['a SAN', () => asking(dnsNames('gateway.acme.example')), 'csr-extension', /^it asks for subjectAltName$/],
  ['an RSA key', () => withKey('RSA', '-pkeyopt', 'rsa_keygen_bits:2048'), 'csr-key', /^its key is not on P-256$/],
  [
    'a key on P-384',
    () => withKey('EC', '-pkeyopt', 'ec_paramgen_curve:P-384'),
    'csr-key',
    /^its key is not on P-256$/,
  ],
  ['an Ed25519 key', () => withKey('ED25519'), 'csr-key', /^its key type is not supported: ed25519$/],
  ['a compressed point', compressed, 'csr-key', /^its key is not an uncompressed point$/],
  ['the signature of another request', withoutSignature, 'csr-signature', /signature/],
  ['no structure', () => csrPem(Buffer.from('3003020100', 'hex')), 'csr-malformed', /./],
  [
    'the key of an earlier row',
    () => sameKey.pem,
    'key-reused',
    new RegExp(`^its key is the key of the device ${first.uuid}$`),
  ],
]

/** A request whose key is the same point, encoded another way. */
function compressed(): string {
  const key = newKey()
  const point = spkiOf(key).subarray(-65)
  const short = ECDH.convertKey(point, 'prime256v1', undefined, undefined, 'compressed')
  const algorithm = sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier('1.2.840.10045.3.1.7'))
  const spki = sequence(algorithm, bitString(Buffer.from(short)))
  return deviceCsr({ key, spki }).pem
}

function t61Name(cn: string): Buffer {
  const rdn = (oid: string, tag: number, value: string) =>
    setOf(sequence(objectIdentifier(oid), tlv(tag, Buffer.from(value))))
  return sequence(rdn(CN, 0x0c, cn), rdn(OU, 0x14, 'acme'))
}

describe('a batch with every request that is refused, between two good ones', () => {
  let run: Promise<Issued & { readonly devices: readonly string[] }> | null = null
  const last = deviceCsr()
  const batch = async () => {
    const scene = await issueScene()
    await scene.line('plant', {})
    const csrs: string[] = []
    for (const [, make] of REQUESTS) csrs.push(await make())
    const rows = [first.pem, ...csrs, last.pem].map((csr) => ({ csr }))
    const issued = await scene.issue(rows, ['--line', 'plant'])
    return { ...issued, devices: [...(await registered(scene.directory)).keys()] }
  }
  const once = () => (run ??= batch())

  test('issues the good ones, and ends with 12', async () => {
    const { status, stderr, devices, refused } = await once()
    expect(status).toBe(12)
    expect(stderr).toContain(`2 issued, 0 reused, ${REQUESTS.length} refused`)
    expect([...devices].sort()).toEqual([first.uuid, last.uuid].sort())
    expect(refused).toHaveLength(REQUESTS.length)
  })

  test.each(REQUESTS.map(([what, , code, reason], at) => [what, code, reason, at] as const))(
    'refuses %s: %s',
    async (_, code, reason, at) => {
      const row = (await once()).refused[at]
      expect(row).toMatchObject({ at: `line ${at + 2}`, code })
      expect(row?.reason).toMatch(reason)
    },
  )
})
