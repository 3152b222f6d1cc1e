import * as z from 'zod/mini'
import { chunksOf, oneByOne } from '../../chunks.js'
import type { CertificateStatus } from '../../devices/denial.js'
import type { DeviceRegister } from '../../devices/register.js'
import { jsonDocument } from '../../json-document.js'
import type { KeyAccess } from '../../keystore/root-key.js'
import { rfc3339 } from '../../pki/describe.js'
import { plainRequest, sha1CertId } from '../../pki/ocsp/canonical.js'
import { answerFileName } from '../../pki/ocsp/file-name.js'
import type { BatchFiles, Clock, DurableFiles, FileBatch, FolderFile, Progress, Random } from '../../ports.js'
import { signOcspResponse } from '../../signer/ocsp-response.js'
import { checkAbsolute } from '../../storage/absolute-path.js'
import { type Closers, closeAll } from '../closers.js'
import { requireRegister } from '../devices/open-register.js'
import { type OpenPki, openPki } from '../open-pki.js'
import { requireOutsidePki } from '../outside-pki.js'
import { singleResponse } from './answer-times.js'
import { type OcspIssuer, openOcspIssuers } from './open-issuers.js'
import { checkValidity } from './open-ocsp.js'

/** What `fpki devices ocsp-export --json` prints. */
export const exportAnswersResult = jsonDocument({
  directory: z.string(),
  factory: z.string(),
  /** Absolute. */
  folder: z.string(),
  /** The certificate files of the device CAs. */
  cas: z.array(z.string()),
  good: z.int(),
  revoked: z.int(),
  /** When the first of the answers ends; null: there are none. */
  validUntil: z.nullable(z.string()),
})

/** See {@link exportAnswersResult}. */
export type ExportAnswersResult = z.infer<typeof exportAnswersResult>

/** Options of {@link exportAnswers}. */
export interface ExportAnswersOptions {
  /** The PKI directory or kit, absolute. */
  readonly directory: string
  readonly factory: string | null
  /** null: devices.sqlite in the directory. */
  readonly store: string | null
  /** The folder for the answers, absolute. It is made when it is missing. */
  readonly out: string
  /** The certificate file of the only device CA; null: all local CAs. */
  readonly ca: string | null
  /** How long the answers are valid, in milliseconds. */
  readonly validity: number
}

/** Ports of {@link exportAnswers}. */
export interface ExportAnswersPorts {
  readonly files: DurableFiles
  readonly batches: Pick<BatchFiles, 'openFolders'>
  readonly clock: Clock
  readonly random: Random
  readonly progress: Progress
  readonly access?: KeyAccess
  readonly signal: AbortSignal
}

/** Public, for the server of the files. */
const FILE_MODE = 0o644

/** Answers of one write. */
const AT_ONCE = 1024

/**
 * Writes signed OCSP answers about all certificates of a register that have not expired, for a server of files (docs/ocsp.md):
 * one file each, named by the request with SHA-1 and without a nonce. Files that are there are replaced; each is complete and
 * on the disk before it has its name.
 *
 * @throws FpkiError as openPki, openDeviceRegister and openOcspIssuers do; ERR_USAGE for the validity, and for a folder in the PKI directory; ERR_NOT_INITIALIZED
 *   when there is no register; ERR_NOT_A_DIRECTORY, ERR_PERMISSIONS for the folder; ERR_STORAGE; the reason of the signal
 */
export async function exportAnswers(
  options: ExportAnswersOptions,
  ports: ExportAnswersPorts,
): Promise<ExportAnswersResult> {
  checkAbsolute(options.out, 'output folder', 'out')
  checkValidity(options.validity, 'validity')
  const pki = await openPki(ports.files, options.directory, options.factory)
  const { out, directory } = options
  await requireOutsidePki({ path: out, what: 'OCSP answers', option: 'out', directories: [directory] }, ports.files)
  const register = await requireRegister(options, ports)
  try {
    return await writeAnswers({ pki, register }, options, ports)
  } finally {
    await register.close()
  }
}

/** The same for a register that is open. */
export async function writeAnswers(
  { pki, register }: { readonly pki: OpenPki; readonly register: Pick<DeviceRegister, 'allStatuses'> },
  options: Pick<ExportAnswersOptions, 'out' | 'ca' | 'validity'>,
  ports: ExportAnswersPorts,
): Promise<ExportAnswersResult> {
  const closers: Closers = []
  try {
    const issuers = await openOcspIssuers(pki, options.ca, ports)
    closers.push(issuers.close)
    const batch = await openFolder(options.out, ports)
    closers.push(batch.close)
    const counts: Counts = { good: 0, revoked: 0, first: Number.POSITIVE_INFINITY }
    for (const issuer of issuers.all) await exportOf(issuer, { register, batch, counts }, options, ports)
    return {
      ...{ directory: pki.directory.path, factory: pki.factory, folder: options.out },
      ...{ cas: issuers.all.map(({ file }) => file), good: counts.good, revoked: counts.revoked },
      validUntil: Number.isFinite(counts.first) ? rfc3339(new Date(counts.first)) : null,
    }
  } finally {
    await closeAll(closers)
  }
}

/** What was written. */
interface Counts {
  good: number
  revoked: number
  /** When the first of the answers ends. */
  first: number
}

interface Opened {
  readonly register: Pick<DeviceRegister, 'allStatuses'>
  readonly batch: Pick<FileBatch, 'putFiles'>
  readonly counts: Counts
}

async function openFolder(path: string, { files, batches }: ExportAnswersPorts): Promise<FileBatch> {
  await files.makeDirectory(path)
  await files.checkDirectory(path)
  return batches.openFolders(path)
}

async function exportOf(
  issuer: OcspIssuer,
  { register, batch, counts }: Opened,
  { validity }: Pick<ExportAnswersOptions, 'validity'>,
  { clock, signal }: ExportAnswersPorts,
): Promise<void> {
  const certIdOf = sha1CertId(issuer.ca)
  const fileOf = async (status: CertificateStatus): Promise<FolderFile> => {
    const key = await issuer.delegate.current()
    const certId = certIdOf(status.serial)
    const limits = { validity, responderEnds: key.certificate.notAfter }
    const response = singleResponse(certId, { status, ca: issuer.fingerprint }, clock(), limits)
    const { thisUpdate: producedAt, nextUpdate } = response
    const content = await signOcspResponse({ producedAt, responses: [response], nonce: null }, key)
    counts[response.status.kind === 'good' ? 'good' : 'revoked']++
    counts.first = Math.min(counts.first, nextUpdate.getTime())
    return { folder: '.', name: answerFileName(plainRequest(certId)), content, mode: FILE_MODE }
  }
  const all = register.allStatuses({ ca: issuer.fingerprint, at: clock().getTime() })
  for await (const some of chunksOf(oneByOne(all), AT_ONCE)) {
    signal.throwIfAborted()
    const files: FolderFile[] = []
    for (const status of some) files.push(await fileOf(status))
    await batch.putFiles(files)
  }
}
