import * as z from 'zod/mini'
import { readableCertificates } from '../../directory/certificate-files.js'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { newTemplate } from '../../issuance/issue.js'
import { jsonDocument } from '../../json-document.js'
import { checkClock } from '../../pki/clock.js'
import { certificateFacts, describeCertificate, rfc3339 } from '../../pki/describe.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { type Profile, type ProfileExtension, ROOT_CA } from '../../pki/profiles.js'
import { type Certificate, isIssuedBy } from '../../pki/read-certificate.js'
import type { CertificateTemplate } from '../../pki/template.js'
import { serialToHex } from '../../serial-hex.js'
import { type OpenPki, openPkiOfRoot } from '../open-pki.js'
import { certifyRoot, type RootPorts } from './certify-root.js'
import { issuedByRoot, pathOfRoot, requireNoConstraints } from './roots.js'

/** What `fpki ca renew-root --json` prints. */
export const renewRootResult = jsonDocument({
  factory: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** The certificate that is renewed; the Factory API and the devices keep it until they get the new one. */
  earlier: certificateFacts,
  /** The validity of the new certificate. */
  notBefore: z.string(),
  notAfter: z.string(),
  /** The new certificate; null: with --dry-run, nothing was signed. */
  certificate: z.nullable(certificateFacts),
  /** The file with the earlier certificate; null: nothing was signed, or an interrupted run had already renamed it. */
  keptAs: z.nullable(z.string()),
  /** An interrupted run was resumed. */
  resumed: z.boolean(),
})

/** See {@link renewRootResult}. */
export type RenewRootResult = z.infer<typeof renewRootResult>

/** Options of `ca renew-root`. */
export interface RenewRootOptions {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** Only report what would be signed. */
  readonly dryRun: boolean
}

/** What a user confirms: the certificate in use, and the end of the new one. */
export type RenewRootPlan = Pick<RenewRootResult, 'factory' | 'directory' | 'earlier' | 'notBefore' | 'notAfter'>

/** Ports of `ca renew-root`. */
export interface RenewRootPorts extends RootPorts {
  /** Asks for confirmation; throws ERR_NOT_CONFIRMED when it is denied. Not called when an interrupted run is resumed. */
  confirm(plan: RenewRootPlan): Promise<void>
}

const COMMAND = 'ca renew-root'

/**
 * Renews the root certificate: the same key, subject and key identifier, a new serial number and a later end. Chains verify with
 * either certificate (docs/profile.md#root-renewal). The earlier one is kept; nothing is sent to the Factory API, which sets a
 * root once.
 *
 * @throws FpkiError as openPkiOfRoot and certifyRoot do; ERR_BAD_CERTIFICATE when another CA signed the root;
 *   ERR_CONSTRAINTS when it has extensions that a root of fpki lacks; ERR_EXISTS when it ends after a new one
 */
export async function renewRoot(options: RenewRootOptions, ports: RenewRootPorts): Promise<RenewRootResult> {
  const pki = await openPkiOfRoot(ports.files.deferring(), options.directory, options.factory)
  const { directory, root, factory } = pki
  checkClock(ports.clock())
  const renews = await interruptedRenewal(pki)
  const template = templateFor(pki, ports)
  const { notBefore, notAfter } = template.validity
  const earlier = await earlierRoot(pki, renews)
  const plan = {
    factory,
    directory: directory.path,
    earlier: describeCertificate(earlier, earlier, ports.clock()),
    notBefore: rfc3339(notBefore),
    notAfter: rfc3339(notAfter),
  }
  if (renews === null) {
    requireLonger(pki, notAfter)
    await ports.confirm(plan)
  }
  if (options.dryRun) return { ...plan, certificate: null, keptAs: null, resumed: false }
  const below = (await issuedByRoot(pki)).map((issued) => issued.certificate)
  const { certificate, keptAs, resumed } = await certifyRoot(
    pki,
    {
      command: COMMAND,
      options: { renews: renews ?? fingerprintOf(root.der) },
      file: PKI_FILES.rootCertificate,
      template,
      planned: root,
      check: (renewed) => requireSameChains(renewed, below),
    },
    ports,
  )
  return { ...plan, certificate: describeCertificate(certificate, certificate, ports.clock()), keptAs, resumed }
}

/** The fingerprint of the certificate that an interrupted run renews; null: none was interrupted. */
async function interruptedRenewal({ directory }: OpenPki): Promise<string | null> {
  const journal = await directory.readJournal()
  return journal?.command === COMMAND && journal.finishedAt === null ? journal.options.renews : null
}

/** The certificate that is renewed; an interrupted run may have renamed its file. */
async function earlierRoot({ directory, root }: OpenPki, renews: string | null): Promise<Certificate> {
  const isRoot = (name: string) => name.startsWith(PKI_FILES.rootCertificate)
  const all = renews === null ? [] : await readableCertificates(directory, isRoot)
  return all.find(({ certificate }) => fingerprintOf(certificate.der) === renews)?.certificate ?? root
}

/**
 * The beginning stays: certificates below the root began after it. A device whose clock is slow accepts the new root as it
 * did the earlier one.
 */
function templateFor(pki: OpenPki, ports: RootPorts): CertificateTemplate {
  const { root } = pki
  if (!isIssuedBy(root, root)) throw byAnotherCa(pathOfRoot(pki))
  requireNoConstraints(pki, 'a root certificate')
  const { subject, spki, parsedExtensions, notBefore } = root
  const contents = { role: PKI_FILES.rootCertificate, subject, spki, issuer: null, names: [] }
  const template = newTemplate({ ...contents, profile: ROOT_CA }, ports)
  const validity = { ...template.validity, notBefore }
  return {
    ...template,
    profile: profileLike(root, validity),
    validity,
    subjectKeyIdentifier: parsedExtensions.subjectKeyIdentifier ?? undefined,
  }
}

/** The profile of a root, with the path length and without the usages that this one lacks: it must not be able to do more. */
function profileLike(
  { parsedExtensions: { basicConstraints, keyUsage, extKeyUsage } }: Certificate,
  { notBefore, notAfter }: CertificateTemplate['validity'],
): Profile {
  const pathLenConstraint = basicConstraints?.pathLenConstraint ?? null
  return {
    ...ROOT_CA,
    years: notAfter.getUTCFullYear() - notBefore.getUTCFullYear() + 1,
    extensions: ROOT_CA.extensions
      .filter(({ type }) => type !== 'extKeyUsage' || extKeyUsage !== null)
      .map((spec): ProfileExtension => {
        if (spec.type === 'basicConstraints') return { ...spec, pathLenConstraint }
        if (spec.type === 'keyUsage') return { ...spec, usages: spec.usages.filter((one) => has(keyUsage, one)) }
        if (spec.type !== 'extKeyUsage') return spec
        return { ...spec, purposes: spec.purposes.filter((one) => has(extKeyUsage, one)) }
      }),
  }
}

/** anyExtendedKeyUsage (RFC 5280, 4.2.1.12). */
const ANY_PURPOSE = '2.5.29.37.0'

/** Without the extension there are no limits. */
function has(usages: readonly string[] | null, usage: string): boolean {
  return usages === null || usages.includes(usage) || usages.includes(ANY_PURPOSE)
}

/** OpenSSL accepts the new certificate as the issuer of everything below the root. Throws ERR_SIGNATURE. */
function requireSameChains(renewed: Certificate, below: readonly Certificate[]): void {
  const lost = below.find((one) => !isIssuedBy(one, renewed))
  if (lost === undefined) return
  throw new FpkiError(
    'ERR_SIGNATURE',
    `Refusing the new root certificate: the certificate with serial ${serialToHex(lost.serialNumber)} does not verify with it.`,
    'Nothing was written. Its authorityKeyIdentifier probably names the serial number of the earlier root certificate.',
  )
}

function requireLonger({ root, directory }: OpenPki, notAfter: Date): void {
  if (notAfter >= root.notAfter) return
  throw new FpkiError(
    'ERR_EXISTS',
    `The root certificate in ${directory.path} is valid until ${rfc3339(root.notAfter)}, and a new one would end before that.`,
    'Nothing was signed. There is nothing to do.',
  )
}

function byAnotherCa(path: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_CERTIFICATE',
    `Cannot renew ${path}: another CA signed it.`,
    'Nothing was signed. Ask that CA for a new certificate for the same key.',
  )
}
