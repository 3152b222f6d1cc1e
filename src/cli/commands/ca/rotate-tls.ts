import { checkedTlsNames } from '../../../operations/create/options.js'
import * as operations from '../../../operations/servers/certify-server.js'
import { type ChangeFlags, changeScene } from '../../change.js'
import { type Io, printable, printJson, printText } from '../../output.js'

/** The flags of `ca rotate-tls`. */
export interface RotateTlsFlags extends ChangeFlags {
  readonly tlsName?: readonly string[]
  readonly ifExpiring?: number
}

/** `fpki ca rotate-tls <directory>` */
export function rotateTls(directory: string, flags: RotateTlsFlags, io: Io): Promise<void> {
  return certify(operations.rotateTls, directory, flags, io)
}

/** `fpki est authorize <directory>` */
export function authorizeEst(directory: string, flags: RotateTlsFlags, io: Io): Promise<void> {
  return certify(operations.authorizeEst, directory, flags, io)
}

async function certify(
  operation: typeof operations.rotateTls,
  directory: string,
  flags: RotateTlsFlags,
  io: Io,
): Promise<void> {
  const tlsNames = checkedTlsNames(flags.tlsName ?? [])
  const { where, ports } = await changeScene(directory, flags, io, tlsNames)
  const certified = await operation({ ...where, tlsNames, ifExpiring: flags.ifExpiring }, ports)
  if (flags.json) printJson(io, certified)
  else if (!flags.quiet) printText(io, summary(certified))
}

function summary({ directory, file, keptAs, factory, certificate, due }: operations.CertifyServerResult): string {
  if (!due) {
    const { notAfter, daysLeft } = certificate
    return `${printable(`${file} of the factory ${factory} is not due: valid until ${notAfter}, ${daysLeft} days left`)}\n`
  }
  const lines = [
    `Issued a new ${file} for the factory ${factory}, valid for ${certificate.subjectAltNames.join(' and ') || certificate.subject}`,
    `  valid until ${certificate.notAfter}, serial ${certificate.serialHex}`,
    `  in ${directory}/${file}${keptAs === null ? '' : `; the previous one is kept as ${keptAs}`}`,
  ]
  return `${lines.map(printable).join('\n')}\n`
}
