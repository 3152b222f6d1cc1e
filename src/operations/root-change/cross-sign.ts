import * as z from 'zod/mini'
import { DAY } from '../../day.js'
import { readableCertificates } from '../../directory/certificate-files.js'
import { crossCertificateFile, isCrossCertificate, PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { newTemplate, requireValid } from '../../issuance/issue.js'
import { resumable } from '../../journal/resumable.js'
import { jsonDocument } from '../../json-document.js'
import type { KeyAccess } from '../../keystore/root-key.js'
import { checkClock } from '../../pki/clock.js'
import { certificateFacts, describeCertificate } from '../../pki/describe.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { pathProblem } from '../../pki/path.js'
import { pathFault } from '../../pki/path-validation/validate.js'
import { CROSS_CA } from '../../pki/profiles.js'
import { sameSpki } from '../../pki/public-key.js'
import {
  type Certificate,
  isIssuedBy,
  readPemCertificate,
  readTbsCertificate,
  type TbsCertificate,
} from '../../pki/read-certificate.js'
import { sameRoot } from '../../pki/same-root.js'
import type { CertificateTemplate } from '../../pki/template.js'
import { validityFrom } from '../../pki/validity.js'
import { shellWord } from '../../shell-word.js'
import { encodeTbs } from '../../signer/x509/certificate.js'
import { type OpenPki, openPkiOfRoot } from '../open-pki.js'
import { certifyRoot, proveKeyInFile, type RootPorts } from './certify-root.js'
import { requireNoConstraints } from './extensions.js'

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

/** A root that certifies another. */
interface Direction {
  readonly signer: OpenPki
  readonly certified: OpenPki
  readonly file: string
  readonly template: CertificateTemplate
  /** Valid certificates that the certified root issued: they must verify with the signer through the cross-certificate. */
  readonly below: readonly Certificate[]
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
  for (const pki of [one, other]) requireNoConstraints(pki.root, pathOfRoot(pki), 'a cross-certificate')
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
    certificates.push(await certify(direction, access === undefined ? rest : { ...rest, access }))
  }
  return { certificates }
}

async function plan(signer: OpenPki, certified: OpenPki, ports: CrossSignPorts): Promise<Direction> {
  const { root } = certified
  const file = crossCertificateFile(fingerprintOf(root.spki))
  const template = templateFor(signer.root, root, ports, file)
  const below = await issuedBelow(certified, ports.clock())
  await requireAccepted(template, signer.root, below)
  const open = await resumable(signer.directory, COMMAND, { with: certified.directory.path })
  const planned = open === null ? await existingIn(signer, template, file) : null
  const existing = planned !== null && isLongEnough(planned, template) ? planned : null
  return { signer, certified, file, template, below, planned, existing }
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

async function issuedBelow({ directory, root }: OpenPki, now: Date): Promise<readonly Certificate[]> {
  const files = await readableCertificates(
    directory,
    (name) => !name.startsWith(PKI_FILES.rootCertificate) && !isCrossCertificate(name),
  )
  return files
    .map(({ certificate }) => certificate)
    .filter((one) => isIssuedBy(one, root) && one.notBefore <= now && now <= one.notAfter)
}

/** Before anything is signed. Throws ERR_CONSTRAINTS when clients would reject what the certified root has issued. */
async function requireAccepted(
  template: CertificateTemplate,
  signer: Certificate,
  below: readonly Certificate[],
): Promise<void> {
  const { publicKey } = signer
  if (publicKey.kind !== 'EC') return
  const cross = readTbsCertificate(await encodeTbs(template, publicKey.curve))
  const at = template.validity.notBefore
  for (const one of below) {
    const path = [signer, cross, one, ...leafBelow(one)]
    const fault = pathFault(path, at < one.notBefore ? one.notBefore : at)
    if (fault !== null) throw notAccepted(template.role, fault)
  }
}

/** A device of a device CA: path lengths count the CAs above the last certificate of a path. */
function leafBelow(one: Certificate): readonly TbsCertificate[] {
  return one.parsedExtensions.basicConstraints?.ca ? [{ ...one, issuer: one.subject }] : []
}

function notAccepted(file: string, fault: string): FpkiError {
  return new FpkiError(
    'ERR_CONSTRAINTS',
    `Refusing to sign ${file}: clients would reject what the certified root has issued: ${fault}.`,
    'Nothing was signed. `openssl x509 -text` shows the constraints of both roots.',
  )
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

async function certify(direction: Direction, ports: RootPorts): Promise<CrossSignResult['certificates'][number]> {
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

/** OpenSSL verifies every signature of every path. Throws ERR_SIGNATURE. */
function requirePaths(cross: Certificate, { signer, certified, below, file }: Direction, at: Date): void {
  const problems = below.map((one) => pathProblem(one, { root: signer.root, intermediates: [cross], at }))
  const problem = problems.find((one) => one !== null)
  if (problem === undefined) return
  throw new FpkiError(
    'ERR_SIGNATURE',
    `Refusing ${file}: what the certified root has issued does not verify with it: ${problem}.`,
    `Check it with \`fpki ca verify ${shellWord(certified.directory.path)}\`.`,
  )
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

function pathOfRoot({ directory }: OpenPki): string {
  return `${directory.path}/${PKI_FILES.rootCertificate}`
}
