import { createPrivateKey, randomBytes, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { BatchIssuer, CertificateOrder, CheckedRequest } from '../../../src/issuance/device-batch/model.js'
import { thisMachine } from '../../../src/machine/index.js'
import { type Lifetime, validityFrom } from '../../../src/pki/validity.js'
import type { Curve } from '../../../src/ports.js'
import { pemSigner } from '../../../src/signer/file.js'
import { buildCsr, CN, extension, extensionRequest, newKey, OU } from '../../pki/support/csr.js'
import { objectIdentifier, sequence, setOf, tlv } from '../../pki/support/der.js'
import { type Authority, FACTORY, NOW, newDeviceCa, newRoot } from '../../support/issue.js'

export const BUSINESS_CATEGORY = '2.5.4.15'
export const UTF8 = 0x0c
export const PRINTABLE = 0x13

export const PORTS = { random: thisMachine().random }

/** A root, a device CA below it, and that CA as an issuer of batches. */
export interface Scene {
  readonly root: Authority
  readonly ca: Authority
  readonly issuer: BatchIssuer
}

export async function newScene(curve: Curve = 'P-256'): Promise<Scene> {
  const pem = PORTS.random.ecPrivateKey(curve).pem
  const root = await newRoot()
  const ca = await newDeviceCa(root, {}, await pemSigner(pem, 'the key'))
  const key = { kind: 'file', privateKey: createPrivateKey(pem) } as const
  return { root, ca, issuer: { factory: FACTORY, ca: ca.certificate, key } }
}

/** A validity under the CA of a scene. */
export function validityUnder({ ca }: Scene, lifetime: Lifetime = { days: 365 }, now: Date = NOW) {
  return validityFrom(now, lifetime, ca.certificate)
}

/** An attribute of a subject: identifier, value, and the tag of its string type. */
export type SubjectPart = readonly [type: string, value: string, tag?: number]

/** A Name with an RDN for each attribute. */
export function subjectOf(...parts: readonly SubjectPart[]): Buffer {
  return sequence(
    ...parts.map(([type, value, tag = UTF8]) => setOf(sequence(objectIdentifier(type), tlv(tag, Buffer.from(value))))),
  )
}

export function deviceSubject(uuid: string = randomUUID(), unit: string = FACTORY): Buffer {
  return subjectOf([CN, uuid], [OU, unit])
}

const KEY_USAGE = criticalExtension('2.5.29.15', Buffer.from('03020780', 'hex'))
const CLIENT_AUTH = criticalExtension('2.5.29.37', sequence(objectIdentifier('1.3.6.1.5.5.7.3.2')))

function criticalExtension(oid: string, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(oid), Buffer.from('0101ff', 'hex'), tlv(0x04, value))
}

/** A request (DER) as lmp-device-register makes it, or with other extensions. */
export function deviceCsr(subject: Uint8Array = deviceSubject(), extensions = [KEY_USAGE, CLIENT_AUTH]): Buffer {
  return buildCsr({ subject, attributes: extensions.length === 0 ? [] : [extensionRequest(...extensions)] })
}

export const asksFor = extension

/** An order for a new key, without a request. */
export function newOrder(subject: Uint8Array = deviceSubject()): CertificateOrder {
  return { subject, spki: newKey().publicKey.export({ format: 'der', type: 'spki' }), keyHash: randomBytes(32) }
}

/** The requests among what was checked; the others fail the test. */
export function accepted(checked: readonly CheckedRequest[]) {
  return checked.map((one) => {
    if (one.kind === 'refused') throw new Error(`refused: ${one.code}: ${one.reason}`)
    return one
  })
}

/** The requests that lmp-device-register sent. */
export async function registeredCsrs(): Promise<readonly string[]> {
  const text = await readFile(new URL('../../fixtures/devices/registration.jsonl', import.meta.url), 'utf8')
  const bodies = text
    .trim()
    .split('\n')
    .map((line): string | null => JSON.parse(line).request.body)
  return bodies.flatMap((body) => (body === null ? [] : [JSON.parse(body).csr]))
}
