import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import { type ExportGatewayResult, exportGateway as exportTo } from '../../../operations/gateway/export-gateway.js'
import { filePath } from '../../directory.js'
import { embeddedStateDirectory, requireSameFactory } from '../../factory.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'

/** The flags of `api export-gateway`. */
export interface ExportGatewayFlags extends CommonFlags {
  readonly replace?: boolean
  readonly listen?: string
  readonly upstream?: string
  readonly at?: string
  readonly denyList?: boolean
}

/** `fpki api export-gateway <factory> <directory>` */
export async function exportGateway(
  factory: string,
  directory: string,
  flags: ExportGatewayFlags,
  io: Io,
): Promise<void> {
  const { listen = null, upstream = null, at, replace = false, denyList = null } = flags
  const exported = await exportTo(
    {
      ...{ factory, listen, upstream, replace, denyList },
      stateDirectory: await stateDirectoryOf(factory, flags, io),
      directory: filePath(directory, io),
      at: at === undefined ? null : filePath(at, io),
    },
    { ...thisMachine(io.machine), progress: progressOn(io, flags) },
  )
  if (flags.json) printJson(io, exported)
  else if (!flags.quiet) printText(io, summary(exported))
}

async function stateDirectoryOf(factory: string, flags: ExportGatewayFlags, io: Io): Promise<string> {
  requireSameFactory(factory, flags)
  const directory = await embeddedStateDirectory(flags, io, thisMachine(io.machine))
  if (directory !== null) return directory
  throw new FpkiError(
    'ERR_USAGE',
    'Only an embedded factory can be exported: a server does not disclose the key of its gateway.',
    'Pass --api embedded.',
  )
}

function summary({
  factory,
  directory,
  options,
  changed,
  tls,
  deviceCas,
  disabledCaSerials,
}: ExportGatewayResult): string {
  const disabled = disabledCaSerials.length === 0 ? '' : `, plus ${disabledCaSerials.length} disabled and left out`
  const lines = [
    `Exported the gateway of the factory ${factory} to ${directory}`,
    `  tls-crt for ${tls.subjectAltNames.join(' and ') || tls.subject}, valid until ${tls.notAfter}`,
    `  nginx listens on ${options.listen} and forwards requests to ${options.upstream}`,
    `  device CAs: ${deviceCas.length}${disabled}`,
    ...(options.denyList ? [`  deny list: ${directory}/denied-devices.map`] : []),
    `  ${changed.length === 0 ? 'no files changed' : `changed: ${changed.join(', ')}`}`,
  ]
  return `${lines.map(printable).join('\n')}\n`
}
