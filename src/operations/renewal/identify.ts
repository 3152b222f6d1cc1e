import { DEFAULT_LINE } from '../../devices/register.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { Credentials } from '../registration/credentials.js'
import { checkDevice, type DevicePorts, readClientCertificate } from './check-device.js'
import { type ClientQuestion, type Identified, refused } from './model.js'
import type { RenewalTerms } from './options.js'
import { clientCaOf, vendorUuids } from './vendor-clients.js'
import { otherLine } from './wanted-lines.js'

/** What is needed to find out who asks. */
export interface IdentifyPorts extends DevicePorts {
  readonly credentials: Credentials
}

/**
 * Finds out who asks (docs/renewal.md#who-may-ask). A token counts before a certificate: whoever sends one enrolls. Throws what
 * the register throws.
 */
export async function identify(
  question: ClientQuestion,
  terms: RenewalTerms,
  ports: IdentifyPorts,
): Promise<Identified> {
  const { operation, token, certificate: x509 } = question
  if (operation === 'enroll' && token !== null) return withToken(token, question.line, terms, ports)
  if (x509 === null) {
    if (operation === 'enroll') return { kind: 'anonymous' }
    return refused(null, 'client-missing', 'a renewal needs the client certificate of the device')
  }
  const certificate = readClientCertificate(x509)
  if ('code' in certificate) return certificate
  const ca = await ports.cas.signerOf(certificate)
  if (ca !== null) return orRefused(await checkDevice(certificate, { ca, label: question.line }, terms, ports))
  return ofAnotherCa(certificate, question, terms, ports)
}

function orRefused(checked: Awaited<ReturnType<typeof checkDevice>>): Identified {
  return checked.kind === 'refused' ? checked : { kind: 'client', client: checked }
}

/** A token that may be used for any device must not be a password: who guesses a UUID would take the device's name. */
async function withToken(
  token: string,
  label: string | null,
  terms: RenewalTerms,
  { credentials }: IdentifyPorts,
): Promise<Identified> {
  const caller = await credentials.authenticate({ kind: 'token', token })
  if (caller === null || caller.credential.kind !== 'token' || caller.line === DEFAULT_LINE) return { kind: 'unknown' }
  const { line, credential } = caller
  const uuid = (await credentials.token(credential.id))?.uuid ?? null
  if (uuid === null) return refused(null, 'credential', 'its token is not bound to one device')
  const client = { kind: 'token', line, uuid, credential } as const
  return otherLine(line, [label, terms.line], uuid) ?? { kind: 'client', client }
}

function ofAnotherCa(
  certificate: Certificate,
  { operation, line: label }: ClientQuestion,
  terms: RenewalTerms,
  { clock }: IdentifyPorts,
): Identified {
  const ca = operation === 'enroll' ? clientCaOf(certificate, terms) : null
  if (ca === null)
    return refused(null, 'client-issuer', 'its client certificate was not issued by a device CA of this factory')
  const uuids = vendorUuids(certificate, ca, terms, clock())
  if ('code' in uuids) return uuids
  const line = label ?? terms.line
  if (line === null || line === DEFAULT_LINE)
    return refused(null, 'other-line', 'the URL must name the line that the device is to be registered in')
  return otherLine(line, [label, terms.line], null) ?? { kind: 'client', client: { kind: 'vendor', line, uuids } }
}
