import { namedFactory } from '../../../config/settings.js'
import { FpkiError } from '../../../errors.js'
import { thisMachine } from '../../../machine/index.js'
import {
  createStation as create,
  listStations as list,
  revokeStation as revoke,
  type StationFacts,
  type StationIdentity,
} from '../../../operations/devices/lines/line-stations.js'
import { readInputFile } from '../../../storage/input-file.js'
import { filePath, resolved } from '../../directory.js'
import { warnOfForeign } from '../../foreign.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

type StoreFlags = CommonFlags & { readonly store?: string }

/** The flags of `lines station`. */
export interface StationFlags extends StoreFlags {
  readonly out?: string
  readonly days?: number
  readonly cert?: string
}

/** The arguments that name a station. */
interface Named {
  readonly directory: string
  readonly line: string
  readonly name: string
}

const MAX_CERTIFICATE = 65_536

const NOT_CHANGED = 'Nothing was changed:'

/** `fpki lines station <directory> <line> <name>` */
export async function createStation(named: Named, flags: StationFlags, io: Io): Promise<void> {
  const identity = await identityOf(flags, io)
  const created = await create({ ...choiceOf(named, flags, io), identity }, thisMachine(io.machine))
  if (flags.json) return printJson(io, created)
  const { station, certificateFile, keyFile, changed } = created
  const progress = progressOn(io, flags)
  progress.note(`${changed ? 'Created the station' : NOT_CHANGED} ${describe(station)}`)
  if (certificateFile !== null) progress.note(`The certificate is in ${certificateFile}, the key in ${keyFile}.`)
}

/** `fpki lines stations <directory> [line]` */
export async function listStations(directory: string, line: string | null, flags: StoreFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  await warnOfForeign([path], flags, io)
  const listed = await list({ directory: path, store: storeOf(flags, io), name: line }, thisMachine(io.machine))
  if (flags.json) printJson(io, listed)
  else for (const station of listed.stations) printText(io, `${describe(station)}\n`)
}

/** `fpki lines revoke-station <directory> <line> <name>` */
export async function revokeStation(named: Named, flags: StoreFlags, io: Io): Promise<void> {
  const revoked = await revoke(choiceOf(named, flags, io), thisMachine(io.machine))
  const text = `${revoked.changed ? 'Revoked the station' : NOT_CHANGED} ${describe(revoked.revoked)}`
  if (flags.json) printJson(io, revoked)
  else progressOn(io, flags).note(text)
}

async function identityOf({ out, days, cert }: StationFlags, io: Io): Promise<StationIdentity> {
  if (out !== undefined && cert === undefined) return { out: resolved(out, io), days: days ?? null }
  if (cert === undefined || out !== undefined)
    throw new FpkiError(
      'ERR_USAGE',
      'A station needs either a folder for a new key and certificate, or a certificate of its own.',
      'Name the folder with --out, or the certificate with --cert.',
    )
  if (days !== undefined)
    throw new FpkiError('ERR_USAGE', 'The certificate has its own validity.', 'Leave out --days.', { option: 'days' })
  const what = filePath(cert, io)
  return { certificate: (await readInputFile(what, MAX_CERTIFICATE)).toString('latin1'), what }
}

function choiceOf({ directory, line, name }: Named, flags: StoreFlags, io: Io) {
  const place = { directory: resolved(directory, io), store: storeOf(flags, io) }
  return { ...place, factory: namedFactory(flags, io.env), name: line, station: name }
}

function describe({ name, line, fingerprint, expiresAt, revokedAt, valid }: StationFacts): string {
  const end = revokedAt === null ? `${valid ? 'expires' : 'expired'} ${expiresAt}` : `revoked ${revokedAt}`
  return printable(`${name}  ${line}  certificate ${fingerprint}, ${end}`)
}
