import { FpkiError } from '../errors.js'
import type { CrlReason } from '../pki/crl.js'
import { rfc3339 } from '../pki/describe.js'
import { formatName } from '../pki/name.js'
import { lifetimeOf } from '../pki/profiles.js'
import type { Certificate } from '../pki/read-certificate.js'
import type { Crl } from '../pki/read-crl.js'
import { newSerialNumber } from '../pki/serial.js'
import type { CertificateTemplate } from '../pki/template.js'
import { type Lifetime, validityFrom } from '../pki/validity.js'
import type { Clock, Random, Signer } from '../ports.js'
import { signCertificate } from '../signer/x509/certificate.js'
import { type CrlOrder, signCrl } from '../signer/x509/crl.js'

/** Records everything that a key signs: the audit log of a root, or another log for another CA. */
export interface IssuanceLog {
  /** Resolves when the record is on the disk. `file` is the certificate file; null: it is printed. */
  logCertificate(signed: Certificate, profile: string, file: string | null): Promise<void>
  /** Resolves when the record is on the disk. */
  logCrl(signed: Crl, reason: CrlReason): Promise<void>
}

/** The part of a template that the caller decides; the serial number and the dates follow. */
export type TemplateContents = Omit<CertificateTemplate, 'serialNumber' | 'validity'>

/**
 * A template with a new random serial number, valid from now for `lifetime` (by default that of the profile), but not longer
 * than its issuer (docs/profile.md). Throws ERR_CLOCK when the issuer is not valid now.
 */
export function newTemplate(
  contents: TemplateContents,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  lifetime: Lifetime = lifetimeOf(contents.profile),
): CertificateTemplate {
  const now = clock()
  if (contents.issuer !== null) requireValid(contents.issuer, now)
  return { ...contents, serialNumber: newSerialNumber(random), validity: validityFrom(now, lifetime, contents.issuer) }
}

/**
 * Issues a certificate: checks it against its profile, signs it, verifies it with OpenSSL, and records it, in that order,
 * before the caller can write or send it.
 *
 * @param issuer the key of the template's issuer; for a root, its own
 * @param file the certificate file, for the log; null: it is printed
 * @throws FpkiError ERR_PROFILE, ERR_CONSTRAINTS before the key is used; ERR_SIGNATURE; and errors of the log
 */
export async function issue(
  template: CertificateTemplate,
  issuer: Signer,
  log: IssuanceLog,
  file: string | null,
): Promise<Certificate> {
  const certificate = await signCertificate(template, issuer)
  await log.logCertificate(certificate, template.profile.name, file)
  return certificate
}

/** Issues a CRL, as {@link issue} does a certificate. */
export async function issueCrl(template: CrlOrder, issuer: Signer, log: IssuanceLog): Promise<Crl> {
  const crl = await signCrl(template, issuer)
  await log.logCrl(crl, template.reason)
  return crl
}

/** Reports a wrong clock as such, rather than as an invalid certificate. Throws ERR_CLOCK. */
export function requireValid({ notBefore, notAfter, subject }: Certificate, now: Date): void {
  // Times in certificates have whole seconds.
  if (Math.floor(now.getTime() / 1000) * 1000 >= notBefore.getTime() && now < notAfter) return
  throw new FpkiError(
    'ERR_CLOCK',
    `The certificate of ${formatName(subject)} is valid from ${rfc3339(notBefore)} to ${rfc3339(notAfter)}, but the clock of this machine is at ${rfc3339(now)}.`,
    'Set the clock, then run the command again. If the clock was wrong when the PKI was created, start over in an empty directory.',
  )
}
