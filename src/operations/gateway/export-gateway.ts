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
import { pemSigner } from '../../signer/file.js'
import type { ExportGatewayResult } from './exported-gateway.js'
import { checkNginxOptions, nginxConfiguration } from './gateway-nginx.js'
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

/** What is exported, and where to. */
export interface ExportGatewayOptions extends RequestedOptions {
  /** Absolute: that of the embedded Factory API. */
  readonly stateDirectory: string
  readonly factory: string
  /** Absolute; new or empty, or an earlier export of this factory with `replace`. */
  readonly directory: string
  readonly replace: boolean
}

/** What {@link exportGateway} works with. */
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

/** Taken by the one that writes there. */
const LOCK = '.lock'
const MAX_BYTES = 16 * 1024 * 1024

/**
 * Writes what a device gateway needs: tls-crt with its key, the device CAs that are enabled, and a configuration of nginx.
 * Each file is replaced in one move and holds on its own, so a gateway that starts in between starts with a whole one.
 *
 * @throws FpkiError ERR_USAGE for what nginx cannot be told; ERR_NOT_INITIALIZED, ERR_BAD_FILE, ERR_BAD_KEY as
 *   {@link readGateway}; ERR_EXISTS when something else is there; ERR_LOCKED, ERR_PERMISSIONS, ERR_STORAGE
 */
export async function exportGateway(
  options: ExportGatewayOptions,
  ports: ExportGatewayPorts,
): Promise<ExportGatewayResult> {
  const { directory } = options
  const { files } = ports
  const source = { ...options, files, openKey: pemSigner }
  checkNginxOptions(nginxOptionsOf(effectiveOptions(options, null), directory))
  // Before anything is made for what will be refused.
  await readGateway(source)
  earlierIn(await filesThere(files, options), directory)
  await files.makeDirectory(directory)
  await files.checkDirectory(directory)
  const lock = await files.lock(join(directory, LOCK))
  if (lock === null) throw busy(directory)
  try {
    // Read under the lock, so that the later of two exports does not write the earlier state.
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
  const found = await filesThere(files, options)
  const earlier = earlierIn(found, directory)
  const effective = effectiveOptions(options, earlier)
  const wanted = gatewayFiles(options, effective, material, enabled)
  const changed = wanted.filter(({ name, content }) => found.get(name) !== content)
  await files.sweep(directory)
  for (const { name, content, mode } of changed) await files.replace(join(directory, name), content, mode)
  const warnings = enabled.length > 0 ? [] : ['No device CA is enabled: the gateway will turn every device away.']
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
    files: wanted.map(({ name }) => name),
    changed: changed.map(({ name }) => name),
    tls: facts(material.tls),
    deviceCas: enabled.map(facts),
    disabledCaSerials: material.certificates.disabledCaSerials,
    warnings,
  }
}

function enabledCas({ certificates: { caCrt, disabledCaSerials } }: GatewayMaterial): readonly Certificate[] {
  const cas = caCrt === null ? [] : readPemCertificates(caCrt, 'ca-crt')
  return cas.filter(({ serialNumber }) => !disabledCaSerials.includes(serialNumber.toString()))
}

/** nginx.conf is the last: a directory that has it is whole. */
function gatewayFiles(
  { factory, directory }: ExportGatewayOptions,
  effective: GatewayOptions,
  { tls, tlsKey }: GatewayMaterial,
  enabled: readonly Certificate[],
): readonly GatewayFile[] {
  const mark = markOf(factory)
  const nginx = nginxOptionsOf(effective, directory)
  const names = (tls.known.subjectAltName ?? []).filter(({ type, value }) => type !== 'DNS' || isDnsName(value))
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

/** The first line of each file, by which the next export knows it. Text around PEM blocks is no part of them. */
function markOf(factory: string): string {
  return `# Made by fpki api export-gateway for the factory ${factory}; do not change it, export again with --replace.\n`
}

function earlierIn(found: ReadonlyMap<string, string>, directory: string): GatewayOptions | null {
  const text = found.get(NAMES.nginx)
  return text === undefined ? null : earlierOptions(text, join(directory, NAMES.nginx))
}

/** What the files hold already. Throws ERR_EXISTS when something may not be written over. */
async function filesThere(
  files: DurableFiles,
  { directory, factory, replace }: ExportGatewayOptions,
): Promise<ReadonlyMap<string, string>> {
  const there = ((await files.list(directory)) ?? []).filter((name) => name !== LOCK)
  if (!replace && there.length > 0) {
    const hint = 'Name a new directory, or replace an earlier export.'
    throw new FpkiError('ERR_EXISTS', `${directory} is not empty.`, hint, { option: 'replace' })
  }
  const found = new Map<string, string>()
  for (const name of Object.values(NAMES).filter((one) => there.includes(one))) {
    const path = join(directory, name)
    const content = (await files.read(path, MAX_BYTES)) ?? ''
    if (!content.startsWith(markOf(factory))) throw foreign(path, factory)
    // Its options are used again, so nobody else may have written them.
    if (name === NAMES.nginx) await files.checkOwnFile(path)
    found.set(name, content)
  }
  return found
}

function foreign(path: string, factory: string): FpkiError {
  return new FpkiError(
    'ERR_EXISTS',
    `${path} is not from an export of the factory ${factory}.`,
    'Look at what it is; only earlier exports of the same factory can be replaced.',
    { option: 'replace' },
  )
}

function busy(directory: string): FpkiError {
  return new FpkiError(
    'ERR_LOCKED',
    `Another fpki is exporting to ${directory}.`,
    'Wait until it has ended, and run the same command again.',
  )
}
