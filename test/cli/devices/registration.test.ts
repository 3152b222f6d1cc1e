import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildCsr, CN, csrPem, OU } from '../../pki/support/csr.js'
import { objectIdentifier, sequence, setOf, tlv } from '../../pki/support/der.js'
import { output } from '../../support/cli.js'
import { deviceCsr } from '../../support/device-requests.js'
import { x509 } from '../made.js'
import { issueScene, registered } from './scene.js'

const recorded = await readFile(new URL('../../fixtures/devices/registration.jsonl', import.meta.url), 'utf8')
/** What lmp-device-register sent, and what the registration reference answered. */
const REGISTRATIONS = recorded
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
  .filter(({ request }) => request.method === 'POST')
  .map(({ request, response }) => ({
    ...JSON.parse(request.body),
    // The reference knows no groups, and refuses the last one.
    answer: response.status === 201 ? JSON.parse(response.body) : null,
  }))

const SERVERS = ['--gateway', 'https://gw.acme.example:8443', '--ostree', 'https://ostree.acme.example:8443']

/** What OpenSSL makes of a subject and its string types. */
const subjectOf = (pem: string, kind: 'x509' | 'req') =>
  output('openssl', [kind, '-noout', '-subject', '-nameopt', 'sname,sep_comma_plus,show_type,esc_2253'], { stdin: pem })

test('the four requests that lmp-device-register sent are accepted, and get the files that the reference answers', async () => {
  expect(REGISTRATIONS).toHaveLength(4)
  const scene = await issueScene()
  const out = join(scene.home.path, 'devices')
  const rows = REGISTRATIONS.map(({ uuid, csr, name, group, 'hardware-id': id }) => {
    return { uuid, csr, name, group, 'hardware-id': id }
  })
  expect(await scene.issue(rows, [...SERVERS, '--out', out])).toMatchObject({ status: 0 })
  const devices = await registered(scene.directory)
  for (const { uuid, csr, name, group = null, answer, overrides } of REGISTRATIONS) {
    const text = (file: string) => readFile(join(out, uuid, file), 'utf8')
    expect(devices.get(uuid)?.device).toMatchObject({ name, group })
    expect(await subjectOf(await text('client.pem'), 'x509')).toBe(await subjectOf(csr, 'req'))
    expect(await text('client.chained')).toBe(
      `${await text('client.pem')}\n${(await scene.text('local-ca.pem')).trim()}`,
    )
    expect((await text('root.crt')).trim()).toBe((await scene.text('factory_ca.pem')).trim())
    expect((await readdir(join(out, uuid))).sort()).toEqual(['client.chained', 'client.pem', 'root.crt', 'sota.toml'])
    if (answer === null) continue
    expect(entriesOf(await text('sota.toml'), overrides)).toEqual(entriesOf(answer['sota.toml'], overrides))
    expect(await subjectOf(answer['client.pem'], 'x509')).toBe(await subjectOf(await text('client.pem'), 'x509'))
  }
})

/** The lines of a sota.toml, each with its section, but for keys that the image of a device sets itself: a batch has no images. */
function entriesOf(toml: string, overrides: Readonly<Record<string, object>>): readonly string[] {
  let section = ''
  return toml.split('\n').flatMap((line) => {
    section = /^\[(\w+)\]$/.exec(line)?.[1] ?? section
    const key = /^(?:# )?(\w+) /.exec(line)?.[1]
    return line === '' || (key !== undefined && key in (overrides[section] ?? {})) ? [] : [`${section}: ${line}`]
  })
}

const PRINTABLE = 0x13
const UTF8 = 0x0c

function subject(type: number, ...attributes: readonly (readonly [string, string])[]): Buffer {
  return sequence(
    ...attributes.map(([oid, value]) => setOf(sequence(objectIdentifier(oid), tlv(type, Buffer.from(value))))),
  )
}

describe('a subject', () => {
  const { uuid } = deviceCsr()
  const production = ['2.5.4.15', 'production'] as const
  test.each([
    ['as lmp-device-register writes it', subject(UTF8, [CN, uuid], [OU, 'acme'], production)],
    ['as fioup writes it', subject(PRINTABLE, [OU, 'acme'], [CN, uuid], production)],
    ['in the first order and the second string type', subject(PRINTABLE, [CN, uuid], [OU, 'acme'], production)],
    ['in the second order and the first string type', subject(UTF8, [OU, 'acme'], [CN, uuid], production)],
    ['with an upper-case UUID', subject(UTF8, [CN, uuid.toUpperCase()], [OU, 'acme'], production)],
  ])('%s is in the certificate octet for octet', async (_, name) => {
    const scene = await issueScene()
    const out = join(scene.home.path, 'devices')
    // fioup asks for no extensions.
    const request = csrPem(buildCsr({ subject: name }))
    expect(await scene.issue([{ csr: request }], ['--out', out])).toMatchObject({ status: 0 })
    const certificate = join(out, uuid, 'client.pem')
    const der = await output('openssl', ['x509', '-in', certificate, '-outform', 'DER', '-out', join(out, 'der')]).then(
      () => readFile(join(out, 'der')),
    )
    expect(der.includes(name)).toBe(true)
    expect(await x509(certificate, '-ext', 'keyUsage,extendedKeyUsage')).toMatch(
      /Key Usage: critical\s+Digital Signature\s.*Extended Key Usage: critical\s+TLS Web Client Authentication$/s,
    )
    expect((await registered(scene.directory)).get(uuid)?.device).toMatchObject({ isProduction: true, name: uuid })
  })
})
