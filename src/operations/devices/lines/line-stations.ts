import * as z from 'zod/mini'
import { isValidStation, type Station } from '../../../devices/credential-store.js'
import { checkLineName } from '../../../devices/lines.js'
import type { DeviceRegister } from '../../../devices/register.js'
import { FpkiError } from '../../../errors.js'
import { jsonDocument } from '../../../json-document.js'
import { rfc3339 } from '../../../pki/describe.js'
import { type Certificate, readPemCertificate } from '../../../pki/read-certificate.js'
import { sha256 } from '../../../sha256.js'
import { shellWord } from '../../../shell-word.js'
import { type OpenPki, openPki } from '../../open-pki.js'
import { requireOutsidePki } from '../../outside-pki.js'
import type { RegisterChoice } from '../open-register.js'
import { type QueryPorts, readRegister } from '../query/read-register.js'
import type { LineChoice } from './change-lines.js'
import { changeRegister, type LinePorts, requireToWrite } from './change-register.js'
import { requireLine, requireServiceLine } from './require-line.js'
import { stationFiles } from './station-files.js'

/** A station of a line. Times are RFC 3339. */
export const stationFacts = z.strictObject({
  line: z.string(),
  name: z.string(),
  /** SHA-256 of its certificate, lower-case hex. */
  fingerprint: z.string(),
  createdAt: z.string(),
  /** When its certificate expires. */
  expiresAt: z.string(),
  /** null: it was not revoked. */
  revokedAt: z.nullable(z.string()),
  /** Neither revoked nor expired. */
  valid: z.boolean(),
})

/** What `fpki lines station --json` prints. */
export const createStationResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  station: stationFacts,
  /** Where its certificate and key were written, absolute; null: it has its own. */
  certificateFile: z.nullable(z.string()),
  keyFile: z.nullable(z.string()),
  /** false: an earlier run has made it, with this certificate. */
  changed: z.boolean(),
})

/** What `fpki lines stations --json` prints. */
export const listStationsResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** The oldest first, with those that have expired or were revoked. */
  stations: z.array(stationFacts),
})

/** What `fpki lines revoke-station --json` prints. */
export const revokeStationResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  revoked: stationFacts,
  /** false: it was revoked before. */
  changed: z.boolean(),
})

/** See {@link stationFacts}. */
export type StationFacts = z.infer<typeof stationFacts>
/** See {@link createStationResult}. */
export type CreateStationResult = z.infer<typeof createStationResult>
/** See {@link listStationsResult}. */
export type ListStationsResult = z.infer<typeof listStationsResult>
/** See {@link revokeStationResult}. */
export type RevokeStationResult = z.infer<typeof revokeStationResult>

/** Names a station of a line. */
export interface StationChoice extends LineChoice {
  /** Of the station; `name` is that of the line. */
  readonly station: string
}

/** How a station proves itself. */
export type StationIdentity =
  /** A new key and certificate, written to a folder (absolute). */
  | { readonly out: string; readonly days: number | null }
  /** A certificate whose key the station has, such as in a TPM: PEM, and the name of the file for messages. */
  | { readonly certificate: string; readonly what: string }

/**
 * Makes a station of a line, which registers devices with its client certificate. The register has the fingerprint of the
 * certificate; no CA has to know it. Files are written first, so that a run that was interrupted can be repeated;
 * a station that an earlier run has made with the same certificate is left as it is.
 *
 * @throws FpkiError ERR_EXISTS when the line has a station of that name, or a station has that certificate; ERR_LINE when there
 *   is no such line, it is closed, or it is the line `default`; ERR_BAD_CERTIFICATE, ERR_USAGE; ERR_NOT_INITIALIZED without a
 *   register; as openPki and stationFiles
 */
export async function createStation(
  options: StationChoice & { readonly identity: StationIdentity },
  ports: LinePorts,
): Promise<CreateStationResult> {
  const { name: line, station: name, identity } = options
  checkLineName(name, 'a station')
  const pki = await openPki(ports.files, options.directory, options.factory)
  const choice = { ...options, command: 'lines station', open: requireToWrite }
  const now = ports.clock()
  return changeRegister(pki, choice, ports, async (register, log) => {
    await requireServiceLine(register, options)
    const earlier = await newestStation(register, options)
    const isTaken = earlier !== null && earlier.revokedAt === null
    const made = await identify(pki, { name, identity, mayMake: !isTaken }, ports)
    const fingerprint = made === null ? null : sha256(made.certificate.der)
    if (made === null || fingerprint === null || (isTaken && earlier.fingerprint !== fingerprint))
      throw nameIsTaken(options)
    const { certificateFile, keyFile, certificate } = made
    const result = { directory: pki.directory.path, certificateFile, keyFile }
    if (isTaken) return { ...result, station: describeStation(earlier, now), changed: false }
    await log(`Creates the station ${name} of the line ${line}: certificate ${fingerprint}`)
    const order = { line, name, fingerprint, notAfter: certificate.notAfter.getTime(), createdAt: now.getTime() }
    const station = await register.credentials.createStation(order)
    return { ...result, station: describeStation(station, now), changed: true }
  })
}

/** The stations of a line, or of all lines. Nothing is changed. Throws as showLine. */
export function listStations(
  choice: RegisterChoice & { readonly name: string | null },
  ports: QueryPorts,
): Promise<ListStationsResult> {
  const { name } = choice
  return readRegister(choice, ports, async ({ directory, register }) => {
    if (name !== null) await requireLine(register, { ...choice, name })
    const stations = await register.credentials.stations(name)
    return { directory: directory.path, stations: stations.map((station) => describeStation(station, ports.clock())) }
  })
}

/**
 * Revokes a station for ever, effective immediately; does nothing when it was revoked before. Recorded in the audit log.
 *
 * @throws FpkiError ERR_USAGE when the line has no such station; ERR_LINE when there is no such line; ERR_NOT_INITIALIZED
 *   without a register; as openPki
 */
export async function revokeStation(options: StationChoice, ports: LinePorts): Promise<RevokeStationResult> {
  const { name: line, station: name } = options
  const pki = await openPki(ports.files, options.directory, options.factory)
  const choice = { ...options, command: 'lines revoke-station', open: requireToWrite }
  return changeRegister(pki, choice, ports, async (register, log) => {
    await requireLine(register, options)
    const before = await newestStation(register, options)
    if (before === null) throw noSuchStation(options)
    if (before.revokedAt === null) await log(`Revokes the station ${name} of the line ${line}`)
    const now = ports.clock()
    const changed = await register.credentials.revoke({ kind: 'station', line, name }, now.getTime())
    const revoked = describeStation((await newestStation(register, options)) ?? before, now)
    return { directory: pki.directory.path, revoked, changed }
  })
}

/** null: the folder has no files of the station, and they may not be made. */
async function identify(
  { directory, factory }: OpenPki,
  { name, identity, mayMake }: { readonly name: string; readonly identity: StationIdentity; readonly mayMake: boolean },
  ports: LinePorts,
) {
  if ('out' in identity) {
    const folder = { path: identity.out, what: 'the key of the station', option: 'out' } as const
    await requireOutsidePki({ ...folder, directories: [directory.path] }, ports.files)
    return stationFiles({ factory, name, mayMake, ...identity }, ports)
  }
  const certificate = readPemCertificate(identity.certificate, identity.what)
  checkStationCertificate(certificate, identity.what, ports.clock())
  return { certificate, certificateFile: null, keyFile: null }
}

/** Throws ERR_BAD_CERTIFICATE for one that no TLS client could use now. */
function checkStationCertificate(
  { notBefore, notAfter, parsedExtensions }: Certificate,
  what: string,
  now: Date,
): void {
  const { extKeyUsage } = parsedExtensions
  const problem =
    now < notBefore || now >= notAfter
      ? 'is not valid now'
      : extKeyUsage && !extKeyUsage.includes('clientAuth')
        ? 'is not for clients (its extKeyUsage lacks clientAuth)'
        : null
  if (problem === null) return
  const hint = 'Nothing was changed. Give the client certificate of the station.'
  throw new FpkiError('ERR_BAD_CERTIFICATE', `The certificate in ${shellWord(what)} ${problem}.`, hint, {
    option: 'certificate',
  })
}

/** The one that was not revoked, otherwise the newest of that name; null: none. */
async function newestStation({ credentials }: DeviceRegister, { name, station }: StationChoice) {
  return (await credentials.stations(name)).findLast((one) => one.name === station) ?? null
}

function nameIsTaken({ directory, name, station }: StationChoice): FpkiError {
  return new FpkiError(
    'ERR_EXISTS',
    `The line ${name} has a station ${station} already, with another certificate.`,
    `Nothing was changed. Choose another name, or revoke it first: \`fpki lines revoke-station ${shellWord(directory)} ${name} ${station}\`.`,
  )
}

function describeStation(station: Station, now: Date): StationFacts {
  const { line, name, fingerprint, createdAt, notAfter, revokedAt } = station
  return {
    ...{ line, name, fingerprint },
    createdAt: rfc3339(new Date(createdAt)),
    expiresAt: rfc3339(new Date(notAfter)),
    revokedAt: revokedAt === null ? null : rfc3339(new Date(revokedAt)),
    valid: isValidStation(station, now),
  }
}

function noSuchStation({ directory, name, station }: StationChoice): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `The line ${name} has no station ${JSON.stringify(station.slice(0, 80))}.`,
    `Nothing was changed. \`fpki lines stations ${shellWord(directory)} ${name}\` lists them.`,
  )
}
