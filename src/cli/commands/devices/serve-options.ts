import { FpkiError } from '../../../errors.js'
import type { CloudMode } from '../../../operations/registration/model.js'
import type { EstStatus } from '../../../operations/renewal/model.js'
import type { ServeDevicesOptions } from '../../../server/serve-devices.js'
import type { KeyPairFiles } from '../../../server/tls-identity.js'
import { filePath } from '../../directory.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import type { Io } from '../../output.js'

/** The flags of `fpki devices serve`. */
export interface ServeDevicesFlags extends CommonFlags, HsmFlags {
  readonly register?: string
  readonly tls: boolean
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsName?: readonly string[]
  readonly insecureHttp?: readonly string[]
  readonly status?: string
  readonly line?: string
  readonly tokenHeader: string
  readonly est?: string
  readonly estStatus: EstStatus
  readonly clientCa?: readonly string[]
  readonly clientMap?: string
  readonly renewExpired?: number
  readonly renewFrom?: number
  /** In seconds. */
  readonly overlap?: number
  readonly adopt?: boolean
  readonly ocsp?: string
  /** In seconds. */
  readonly ocspValidity?: number
  readonly cloud?: CloudMode
  readonly days?: number
  readonly gateway?: string
  readonly ostree?: string
  readonly store?: string
  readonly hsmSessions?: number
}

/** What is about HTTP. Throws ERR_USAGE. */
export function httpOptions(directory: string, flags: ServeDevicesFlags, io: Io): ServeDevicesOptions {
  const { register, est, tls, tlsName = [], insecureHttp = [], status = null, tokenHeader, estStatus } = flags
  const { quiet: isQuiet = false } = flags
  requireFlagsOf(flags)
  const tlsFiles = tlsFilesOf(flags, io)
  const registration =
    register === undefined
      ? null
      : { register, tls, tlsFiles: tls ? tlsFiles : null, names: tlsName, insecureHttp, tokenHeader }
  return {
    directory,
    registration,
    est: est === undefined ? null : { est, status: estStatus, tlsFiles },
    ocsp: flags.ocsp === undefined ? null : { ocsp: flags.ocsp },
    status,
    isQuiet,
  }
}

function tlsFilesOf({ tls, tlsCert, tlsKey, est, register }: ServeDevicesFlags, io: Io): KeyPairFiles | null {
  const isIncomplete = (tlsCert === undefined) !== (tlsKey === undefined)
  if (isIncomplete && register === undefined)
    throw new FpkiError('ERR_USAGE', '--tls-cert and --tls-key must be used together.', 'Pass both, or neither.')
  // With EST beside it, they are for EST.
  if (isIncomplete || (!tls && est === undefined && tlsCert !== undefined)) {
    const hint = 'Pass both, or neither to let fpki issue a certificate, or only --no-tls.'
    throw new FpkiError('ERR_USAGE', '--tls-cert and --tls-key must be used together, and without --no-tls.', hint)
  }
  return tlsCert === undefined || tlsKey === undefined
    ? null
    : { certificate: filePath(tlsCert, io), key: filePath(tlsKey, io) }
}

/** EST is HTTPS always (RFC 7030, 3.3); what is about a service needs that service. */
function requireFlagsOf(flags: ServeDevicesFlags): void {
  const { register, est, ocsp, tls, insecureHttp } = flags
  if (est !== undefined && register === undefined && (!tls || insecureHttp !== undefined))
    throw new FpkiError('ERR_USAGE', 'EST is never served without TLS.', 'Leave out --no-tls and --insecure-http.')
  // Without any of them, that is what is wrong.
  if (register === undefined && est === undefined && ocsp === undefined) return
  if (register === undefined) requireUnused('registration', '--register', ofRegistration(flags))
  if (est === undefined) requireUnused('EST', '--est', ofEst(flags))
  if (ocsp === undefined) requireUnused('OCSP', '--ocsp', { '--ocsp-validity': flags.ocspValidity })
}

function ofRegistration({ tlsName, insecureHttp, cloud, gateway, ostree }: ServeDevicesFlags) {
  return {
    ...{ '--tls-name': tlsName, '--insecure-http': insecureHttp, '--cloud': cloud },
    ...{ '--gateway': gateway, '--ostree': ostree },
  }
}

function ofEst(flags: ServeDevicesFlags) {
  return {
    '--est-status': flags.estStatus === 'auto' ? undefined : flags.estStatus,
    '--client-ca': flags.clientCa,
    '--client-map': flags.clientMap,
    '--renew-expired': flags.renewExpired,
    '--renew-from': flags.renewFrom,
    '--overlap': flags.overlap,
    '--adopt': flags.adopt,
  }
}

/** Throws ERR_USAGE when one of the flags of a service that is not served was given. */
function requireUnused(service: string, address: string, flags: Readonly<Record<string, unknown>>): void {
  const [used] = Object.entries(flags).find(([, value]) => value !== undefined) ?? []
  if (used === undefined) return
  const hint = `Add ${address} HOST:PORT, or leave it out.`
  throw new FpkiError('ERR_USAGE', `${used} is about ${service}, which is not served.`, hint)
}
