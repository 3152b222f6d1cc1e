import { FpkiError } from '../errors.js'
import type { CrlReason } from '../pki/crl.js'
import { rfc3339 } from '../pki/describe.js'
import { formatName } from '../pki/name.js'
import type { Certificate } from '../pki/read-certificate.js'
import type { Crl } from '../pki/read-crl.js'
import { newSerialNumber } from '../pki/serial.js'
import type { CertificateTemplate } from '../pki/template.js'
import { type Lifetime, validityFrom } from '../pki/validity.js'
import type { Clock, Random, Signer } from '../ports.js'
import { signCertificate } from '../signer/x509/certificate.js'
import { type CrlOrder, signCrl } from '../signer/x509/crl.js'

/** Where everything that a key signs is recorded: the audit log of a root, or another log for another CA. */
export interface IssuanceLog {
  /** Resolves when it is on the disk. `file` is where the certificate goes; null: nowhere, it is printed. */
  certificate(signed: Certificate, profile: string, file: string | null): Promise<void>
  /** Resolves when it is on the disk. */
  crl(signed: Crl, reason: CrlReason): Promise<void>
}

/** The part of a template that the caller decides; the serial number and the dates follow. */
export type TemplateContents = Omit<CertificateTemplate, 'serialNumber' | 'validity'>

/**
 * A template with a new random serial number, valid from now for `lifetime` (the profile's when absent), and never longer
 * than its issuer (docs/profile.md). Throws ERR_CLOCK when the issuer is not valid now.
 */
export function newTemplate(
  contents: TemplateContents,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  lifetime: Lifetime = contents.profile.years,
): CertificateTemplate {
  const now = clock()
  if (contents.issuer !== null) requireValid(contents.issuer, now)
  return { ...contents, serialNumber: newSerialNumber(random), validity: validityFrom(now, lifetime, contents.issuer) }
}

/**
 * Issues a certificate: checks it against its profile, signs it, has OpenSSL verify it, and records it, in that order. The
 * caller may write or send what it resolves to; nobody has seen it before.
 *
 * @param issuer the key of the template's issuer; for a root, its own
 * @param file where the certificate goes, for the log; null: it is printed
 * @throws FpkiError ERR_PROFILE, ERR_CONSTRAINTS before the key is used; ERR_SIGNATURE; and what the log throws
 */
export async function issue(
  template: CertificateTemplate,
  issuer: Signer,
  log: IssuanceLog,
  file: string | null,
): Promise<Certificate> {
  const certificate = await signCertificate(template, issuer)
  await log.certificate(certificate, template.profile.name, file)
  return certificate
}

/** Issues a CRL, as {@link issue} does a certificate. */
export async function issueCrl(template: CrlOrder, issuer: Signer, log: IssuanceLog): Promise<Crl> {
  const crl = await signCrl(template, issuer)
  await log.crl(crl, template.reason)
  return crl
}

/** A clock that was set since the issuer was made must not pass for a defect. Throws ERR_CLOCK. */
function requireValid({ notBefore, notAfter, subject }: Certificate, now: Date): void {
  // Certificates have whole seconds.
  if (Math.floor(now.getTime() / 1000) * 1000 >= notBefore.getTime() && now < notAfter) return
  throw new FpkiError(
    'ERR_CLOCK',
    `The certificate of ${formatName(subject)} is valid from ${rfc3339(notBefore)} to ${rfc3339(notAfter)}, and the clock says ${rfc3339(now)}.`,
    'Set the clock and run the command again. If the clock was wrong when the PKI was made, begin again in an empty directory.',
  )
}
