import { join } from 'node:path'
import { FpkiError } from '../../errors.js'
import { type GatewayMaterial, readGateway } from '../../factory/embedded/gateway.js'
import { embeddedApiName } from '../../factory/embedded/index.js'
import { clientAnchorPem } from '../../pki/client-anchor.js'
import { isDnsName } from '../../pki/csr-policy.js'
import { describeCertificate } from '../../pki/describe.js'
import { encodePem } from '../../pki/pem.js'
import { type Certificate, readPemCertificate, readPemCertificates } from '../../pki/read-certificate.js'
import { urlHosts } from '../../pki/server-name.js'
import type { Clock, DurableFiles, Progress } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { pemSigner } from '../../signer/file.js'
import { EMPTY_NGINX_MAP, nginxMapFile } from '../devices/publish/nginx-map.js'
import type { ExportGatewayResult } from './exported-gateway.js'
import { checkNginxOptions, DENY_LIST, nginxConfiguration } from './gateway-nginx.js'
import {
  changesOf,
  earlierOptions,
  effectiveOptions,
  type GatewayOptions,
  nginxOptionsOf,
  optionsLine,
  type RequestedOptions,
} from './gateway-options.js'

export { type ExportGatewayResult, exportGatewayResult } from './exported-gateway.js'

/** What to export, and where to. */
export interface ExportGatewayOptions extends RequestedOptions {
  /** Of the embedded Factory API; absolute. */
  readonly stateDirectory: string
  readonly factory: string
  /** Absolute; new or empty, or with `replace` an earlier export of this factory. */
  readonly directory: string
  readonly replace: boolean
}

/** Ports of {@link exportGateway}. */
export interface ExportGatewayPorts {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly progress: Progress
}

interface GatewayFile {
  readonly name: string
  readonly content: string
  readonly mode: number
}

const NAMES = { cas: 'device-cas.pem', tls: 'tls.pem', nginx: 'nginx.conf' } as const

/** Held while writing to the directory. */
const LOCK = '.lock'
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Writes the files of a device gateway: tls-crt with its key, the enabled device CAs, and an nginx configuration. Each file
 * is replaced atomically and is usable on its own, so that a gateway can be reloaded at any time.
 *
 * @throws FpkiError ERR_USAGE for values that nginx.conf cannot contain; ERR_NOT_INITIALIZED, ERR_BAD_FILE, ERR_BAD_KEY as
 *   {@link readGateway}; ERR_EXISTS when other files are there; ERR_LOCKED, ERR_PERMISSIONS, ERR_STORAGE
 */
export async function exportGateway(
  options: ExportGatewayOptions,
  ports: ExportGatewayPorts,
): Promise<ExportGatewayResult> {
  const { directory } = options
  const { files } = ports
  const source = { ...options, files, openKey: pemSigner }
  checkNginxOptions(nginxOptionsOf(effectiveOptions(options, null), directory))
  // Fail before anything is created.
  await readGateway(source)
  const earlier = optionsInConfiguration(await existingFiles(files, options), directory)
  await denyListFiles(files, options, effectiveOptions(options, earlier))
  await files.makeDirectory(directory)
  await files.checkDirectory(directory)
  const lock = await files.lock(join(directory, LOCK))
  if (lock === null) throw directoryLocked(directory)
  try {
    // Read again under the lock, so that the later of two exports writes the later state.
    return await write(options, await readGateway(source), ports)
  } finally {
    await lock.release()
  }
}

async function write(
  options: ExportGatewayOptions,
  material: GatewayMaterial,
  { files, clock, progress }: ExportGatewayPorts,
): Promise<ExportGatewayResult> {
  const { factory, directory, stateDirectory } = options
  const enabled = enabledCas(material)
  const existing = await existingFiles(files, options)
  const earlier = optionsInConfiguration(existing, directory)
  const effective = effectiveOptions(options, earlier)
  const newDenyList = await denyListFiles(files, options, effective)
  const contents = [...newDenyList, ...gatewayFiles(options, effective, material, enabled)]
  const changed = contents.filter(({ name, content }) => existing.get(name) !== content)
  await files.sweep(directory)
  for (const { name, content, mode } of changed) await files.replace(join(directory, name), content, mode)
  const warnings = [
    ...(enabled.length > 0 ? [] : ['No device CA is enabled: the gateway will reject every device.']),
    ...(newDenyList.length > 0 && earlier?.denyList === true ? [denyListWasGone(directory)] : []),
  ]
  warnings.forEach(progress.warn)
  changesOf(earlier, effective).forEach(progress.note)
  const root = readPemCertificate(material.certificates.rootCrt, 'root-crt')
  const facts = (certificate: Certificate) => describeCertificate(certificate, root, clock())
  return {
    factory,
    api: embeddedApiName(stateDirectory),
    directory,
    options: effective,
    earlierOptions: earlier,
    files: [...(effective.denyList ? [DENY_LIST] : []), ...Object.values(NAMES)],
    changed: changed.map(({ name }) => name),
    tls: facts(material.tls),
    deviceCas: enabled.map(facts),
    disabledCaSerials: material.certificates.disabledCaSerials,
    warnings,
  }
}

/** nginx does not start without the file; an empty one denies nobody. */
function denyListWasGone(directory: string): string {
  const path = join(directory, DENY_LIST)
  return `${path} was gone, and is empty now: no device is denied until \`fpki devices publish DIR --nginx-map ${shellWord(path)}\`.`
}

/** An empty deny list, unless there is one: its content is of `fpki devices publish`. */
async function denyListFiles(
  files: DurableFiles,
  { directory, factory }: ExportGatewayOptions,
  { denyList }: GatewayOptions,
): Promise<readonly GatewayFile[]> {
  const path = join(directory, DENY_LIST)
  if (!denyList) return []
  if ((await files.kindOf(path)) === null) return [{ name: DENY_LIST, content: EMPTY_NGINX_MAP, mode: 0o644 }]
  const file = await files.openToRead(path, Number.MAX_SAFE_INTEGER)
  try {
    const head = Buffer.from((await file?.read(0, EMPTY_NGINX_MAP.length)) ?? [])
    if (!nginxMapFile(path).isSuch(head)) throw otherFile(path, factory)
    return []
  } finally {
    await file?.close()
  }
}

function enabledCas({ certificates: { caCrt, disabledCaSerials } }: GatewayMaterial): readonly Certificate[] {
  const cas = caCrt === null ? [] : readPemCertificates(caCrt, 'ca-crt')
  return cas.filter(({ serialNumber }) => !disabledCaSerials.includes(serialNumber.toString()))
}

/** nginx.conf is the last: a directory with it is complete. */
function gatewayFiles(
  { factory, directory }: ExportGatewayOptions,
  effective: GatewayOptions,
  { tls, tlsKey }: GatewayMaterial,
  enabled: readonly Certificate[],
): readonly GatewayFile[] {
  const mark = markOf(factory)
  const nginx = nginxOptionsOf(effective, directory)
  const names = (tls.parsedExtensions.subjectAltName ?? []).filter(
    ({ type, value }) => type !== 'DNS' || isDnsName(value),
  )
  const cas = enabled.map(({ der }) => clientAnchorPem(der)).join('')
  return [
    { name: NAMES.cas, content: `${mark}${cas}`, mode: 0o444 },
    { name: NAMES.tls, content: `${mark}${tlsKey}${encodePem('CERTIFICATE', tls.der)}`, mode: 0o400 },
    {
      name: NAMES.nginx,
      content: `${mark}${nginxConfiguration(nginx, urlHosts(names), enabled.length > 0)}${optionsLine(effective)}`,
      mode: 0o444,
    },
  ]
}

/** The first line of each file, by which the next export recognises it. Text outside PEM blocks is ignored. */
function markOf(factory: string): string {
  return `# Made by fpki api export-gateway for the factory ${factory}; do not change it, export again with --replace.\n`
}

function optionsInConfiguration(existing: ReadonlyMap<string, string>, directory: string): GatewayOptions | null {
  const text = existing.get(NAMES.nginx)
  return text === undefined ? null : earlierOptions(text, join(directory, NAMES.nginx))
}

/** The content of existing files. Throws ERR_EXISTS when one of them must not be overwritten. */
async function existingFiles(
  files: DurableFiles,
  { directory, factory, replace }: ExportGatewayOptions,
): Promise<ReadonlyMap<string, string>> {
  const names = ((await files.list(directory)) ?? []).filter((name) => name !== LOCK)
  if (!replace && names.length > 0) {
    const hint = 'Choose a new directory, or replace an earlier export.'
    throw new FpkiError('ERR_EXISTS', `${directory} is not empty.`, hint, { option: 'replace' })
  }
  const existing = new Map<string, string>()
  for (const name of Object.values(NAMES).filter((one) => names.includes(one))) {
    const path = join(directory, name)
    const content = (await files.read(path, MAX_BYTES)) ?? ''
    if (!content.startsWith(markOf(factory))) throw otherFile(path, factory)
    // Its options are used again, so it must be written by this user.
    if (name === NAMES.nginx) await files.checkOwnFile(path)
    existing.set(name, content)
  }
  return existing
}

function otherFile(path: string, factory: string): FpkiError {
  return new FpkiError(
    'ERR_EXISTS',
    `Refusing to overwrite ${path}: it is not from an export of the factory ${factory}.`,
    'Check what it is. Only earlier exports of the same factory are overwritten.',
    { option: 'replace' },
  )
}

function directoryLocked(directory: string): FpkiError {
  return new FpkiError(
    'ERR_LOCKED',
    `${directory} is locked by another fpki process that is exporting.`,
    'Wait for it to finish, then run the command again.',
  )
}
