import * as z from 'zod/mini'
import { DAY } from '../../day.js'
import { crossCertificateFile, isCrossCertificate } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { newTemplate, requireValid } from '../../issuance/issue.js'
import { resumable } from '../../journal/resumable.js'
import { jsonDocument } from '../../json-document.js'
import type { KeyAccess } from '../../keystore/root-key.js'
import { checkClock } from '../../pki/clock.js'
import { certificateFacts, describeCertificate } from '../../pki/describe.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { CROSS_CA } from '../../pki/profiles.js'
import { sameSpki } from '../../pki/public-key.js'
import { type Certificate, isIssuedBy, readPemCertificate } from '../../pki/read-certificate.js'
import { sameRoot } from '../../pki/same-root.js'
import type { CertificateTemplate } from '../../pki/template.js'
import { validityFrom } from '../../pki/validity.js'
import { type OpenPki, openPkiOfRoot } from '../open-pki.js'
import { certifyRoot, proveKeyInFile, type RootPorts } from './certify-root.js'
import { type Direction, requireAccepted, requirePaths } from './cross-paths.js'
import { issuedByRoot, requireNoConstraints } from './roots.js'

/** What `fpki ca cross-sign --json` prints. */
export const crossSignResult = jsonDocument({
  /** One in each directory. */
  certificates: z.array(
    z.strictObject({
      /** The directory whose root signed it, absolute. */
      directory: z.string(),
      factory: z.string(),
      /** Its file in that directory. */
      file: z.string(),
      /** The directory whose root it certifies, absolute. */
      certifies: z.string(),
      certificate: certificateFacts,
      /** It existed already, and no certificate issued now would be valid longer. */
      existed: z.boolean(),
      /** The name of the replaced file; null: there was none. */
      keptAs: z.nullable(z.string()),
      /** An interrupted run was resumed. */
      resumed: z.boolean(),
    }),
  ),
})

/** See {@link crossSignResult}. */
export type CrossSignResult = z.infer<typeof crossSignResult>

/** Options of `ca cross-sign`. */
export interface CrossSignOptions {
  /** Absolute path of a PKI directory. */
  readonly directory: string
  /** The PKI directory of the other root, absolute. */
  readonly with: string
}

/** Ports of `ca cross-sign`. */
export interface CrossSignPorts extends RootPorts {
  /** Access to the root key of the other directory. */
  readonly otherAccess?: KeyAccess
}

const COMMAND = 'ca cross-sign'

interface PlannedDirection extends Direction {
  readonly template: CertificateTemplate
  /** The certificate in `file`; null: none. */
  readonly planned: Certificate | null
  /** The same, if a new one would not be valid longer; null: one is to be signed. */
  readonly existing: Certificate | null
}

/**
 * Certifies the roots of two PKI directories by each other (docs/profile.md#cross-certificates), so that who trusts one of them
 * accepts what the other has issued. Both directions, and keys in files, are checked before either root signs. Each directory gets the
 * certificate that its root signed; one that exists already is not signed again.
 *
 * @throws FpkiError as openPkiOfRoot and certifyRoot do; ERR_USAGE when both directories have the same root; ERR_CLOCK when
 *   a root is not valid now; ERR_CONSTRAINTS when clients would reject what a root has issued
 */
export async function crossSign(options: CrossSignOptions, ports: CrossSignPorts): Promise<CrossSignResult> {
  const open = (path: string) => openPkiOfRoot(ports.files.deferring(), path, null)
  const one = await open(options.directory)
  const other = await open(options.with)
  checkClock(ports.clock())
  requireTwoRoots(one, other)
  for (const pki of [one, other]) requireNoConstraints(pki, 'a cross-certificate')
  const directions = [
    { direction: await plan(one, other, ports), access: ports.access },
    { direction: await plan(other, one, ports), access: ports.otherAccess },
  ]
  for (const { direction, access } of directions)
    if (direction.existing === null) await proveKeyInFile(direction.signer, access)
  const certificates: CrossSignResult['certificates'] = []
  // One after the other: both keys may be in tokens of one module.
  for (const { direction, access } of directions) {
    const { access: _, ...rest } = ports
    const signing = certify(direction, access === undefined ? rest : { ...rest, access })
    certificates.push(await signing.catch((error: unknown) => Promise.reject(afterFirst(error, certificates))))
  }
  return { certificates }
}

/** An error, which after the first signature says that there is one. */
function afterFirst(error: unknown, [first]: CrossSignResult['certificates']): unknown {
  if (!(error instanceof FpkiError) || first === undefined || first.existed) return error
  const { code, message, hint, option } = error
  const signed = `${first.file} in ${first.directory} is signed; run the same command again for the other one.`
  return new FpkiError(code, message, `${hint} ${signed}`, { cause: error, ...(option === null ? {} : { option }) })
}

async function plan(signer: OpenPki, certified: OpenPki, ports: CrossSignPorts): Promise<PlannedDirection> {
  const { root } = certified
  const file = crossCertificateFile(fingerprintOf(root.spki))
  const template = templateFor(signer.root, root, ports, file)
  const direction = { signer, certified, file, below: await validBelow(certified, ports.clock()) }
  await requireAccepted(template, direction)
  const open = await resumable(signer.directory, COMMAND, { with: certified.directory.path })
  const planned = open === null ? await existingIn(signer, template, file) : null
  const existing = planned !== null && isLongEnough(planned, template) ? planned : null
  return { ...direction, template, planned, existing }
}

/** Valid until the first of both roots ends. Throws ERR_CLOCK when one of them is not valid now. */
function templateFor(signer: Certificate, root: Certificate, ports: CrossSignPorts, file: string): CertificateTemplate {
  const now = ports.clock()
  requireValid(root, now)
  const { subject, spki, parsedExtensions } = root
  const contents = { role: file, profile: CROSS_CA, subject, spki, issuer: signer, names: [] }
  return {
    ...newTemplate(contents, ports),
    validity: validityFrom(now, CROSS_CA.years, {
      notBefore: signer.notBefore > root.notBefore ? signer.notBefore : root.notBefore,
      notAfter: signer.notAfter < root.notAfter ? signer.notAfter : root.notAfter,
    }),
    // Device CAs and servers name their issuer by it.
    subjectKeyIdentifier: parsedExtensions.subjectKeyIdentifier ?? undefined,
  }
}

/** What is valid now, without cross-certificates: those are for others. */
async function validBelow(pki: OpenPki, now: Date): Promise<readonly Certificate[]> {
  return (await issuedByRoot(pki))
    .filter(({ file }) => !isCrossCertificate(file))
    .map(({ certificate }) => certificate)
    .filter((one) => one.notBefore <= now && now <= one.notAfter)
}

/** null when it does not exist. Throws ERR_BAD_CERTIFICATE for another certificate. */
async function existingIn(
  { directory, root }: OpenPki,
  template: CertificateTemplate,
  file: string,
): Promise<Certificate | null> {
  const pem = await directory.read(file)
  if (pem === null) return null
  const path = `${directory.path}/${file}`
  const existing = readPemCertificate(pem, path)
  if (!sameRoot(existing, template) || !isIssuedBy(existing, root))
    throw new FpkiError(
      'ERR_BAD_CERTIFICATE',
      `${path} is not a cross-certificate of these two roots.`,
      'Nothing was signed. Move the file away, then run the command again.',
    )
  return existing
}

/** Whether a new one would not be valid at least a day longer. */
function isLongEnough({ notAfter }: Certificate, { validity }: CertificateTemplate): boolean {
  return validity.notAfter.getTime() - notAfter.getTime() < DAY
}

async function certify(
  direction: PlannedDirection,
  ports: RootPorts,
): Promise<CrossSignResult['certificates'][number]> {
  const { signer, certified, file, template, planned, existing } = direction
  const order = {
    command: COMMAND,
    options: { with: certified.directory.path },
    file,
    template,
    planned,
    check: (certificate: Certificate) => requirePaths(certificate, direction, ports.clock()),
  } as const
  const { certificate, keptAs, resumed } =
    existing === null
      ? await certifyRoot(signer, order, ports)
      : { certificate: existing, keptAs: null, resumed: false }
  requirePaths(certificate, direction, ports.clock())
  return {
    directory: signer.directory.path,
    factory: signer.factory,
    file,
    certifies: certified.directory.path,
    certificate: describeCertificate(certificate, signer.root, ports.clock()),
    existed: existing !== null,
    keptAs,
    resumed,
  }
}

function requireTwoRoots(one: OpenPki, other: OpenPki): void {
  if (!sameSpki(one.root.spki, other.root.spki)) return
  throw new FpkiError(
    'ERR_USAGE',
    `${one.directory.path} and ${other.directory.path} have the same root key.`,
    'Nothing was signed. Pass the directory of the other root.',
    { option: 'with' },
  )
}
