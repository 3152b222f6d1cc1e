import { setImmediate } from 'node:timers/promises'
import { slicesOf } from '../../../chunks.js'
import type { Refusal } from '../../../devices/refusal.js'
import { DEFAULT_LINE, type DeviceKey, type DeviceRegister, type Line } from '../../../devices/register.js'
import { FpkiError } from '../../../errors.js'
import { withAuditLog } from '../../../journal/keep-records.js'
import { toUuid } from '../../../pki/device-policy.js'
import { keyHashOf } from '../../../pki/fingerprint.js'
import { decodeOnePem } from '../../../pki/pem.js'
import { isP256Spki, readPublicKey } from '../../../pki/public-key.js'
import { shellWord } from '../../../shell-word.js'
import type { InputFiles } from '../../../storage/input-files.js'
import { type OpenPki, openPki } from '../../open-pki.js'
import { readError } from '../input/octets.js'
import { isHidden } from '../input/request-files.js'
import { shown, unreadable } from '../input/row.js'
import { requireLine } from '../lines/require-line.js'
import { findDeviceIssuer } from '../open-issuer.js'
import { openRegister } from '../open-register.js'
import { loggedHead } from '../record-head.js'
import { IMPORT_DEVICES, type ImportDevicesPorts, type ImportDevicesResult, MAX_REASONS } from './import-devices.js'

/** Options of `devices import --registration-ref`. */
export interface ImportRegistrationRefOptions {
  /** The PKI directory or kit, absolute. */
  readonly directory: string
  readonly factory: string | null
  /** The folder DEVICES_DIR of factory-registration-ref, absolute. */
  readonly folder: string
  /** The line that the devices belong to; null: the only one besides `default`. */
  readonly line: string | null
  readonly store: string | null
}

/** Ports of {@link importRegistrationRef}. */
export interface ImportRegistrationRefPorts extends Omit<ImportDevicesPorts, 'inputs'> {
  readonly inputs: Pick<InputFiles, 'kindOf' | 'names' | 'read'>
}

/** Keys of one transaction. */
const CHUNK = 256
/** A public key on P-256 has 178 characters in PEM. */
const MAX_KEY_BYTES = 4096

/**
 * Takes over what factory-registration-ref has registered: it writes a file for each device, named by the UUID of the request,
 * with the public key in PEM, and keeps no certificate. So the devices become `external`: they get a certificate for that key
 * when they register again, and none for another key. Files that are not that are refused, and the others are imported; the
 * import can be repeated.
 *
 * @throws FpkiError as openPki, findDeviceIssuer and openDeviceRegister do; ERR_BAD_FILE when the folder is missing or empty;
 *   ERR_LINE when the line does not exist or is closed; ERR_USAGE when it is not clear which one is meant; the reason of the signal
 */
export async function importRegistrationRef(
  options: ImportRegistrationRefOptions,
  ports: ImportRegistrationRefPorts,
): Promise<ImportDevicesResult> {
  const { folder } = options
  const pki = await openPki(ports.files, options.directory, options.factory)
  const names = await keyFiles(folder, ports.inputs)
  return withAuditLog(pki.directory, IMPORT_DEVICES, ports, null, async (auditLog) => {
    const register = await openRegister(options, ports)
    try {
      const line = await lineOf(register, options)
      const counted = await importAll(names, await termsOf(pki, line, ports), { ...options, register }, ports)
      const { imported, existing, refused } = counted
      const text = `Imported the keys of ${imported} devices from ${folder} to the line ${line.name}; ${existing} existed, ${refused} were refused.`
      await auditLog.logRegister(await loggedHead({ register, store: options.store }, pki.directory.path), text)
      const { directory, factory } = pki
      return { file: folder, directory: directory.path, factory, ...counted, overQuota: [], newLines: [] }
    } finally {
      await register.close()
    }
  })
}

/** As `ls` shows them: without those whose names begin with a dot. */
async function keyFiles(folder: string, { kindOf, names }: ImportRegistrationRefPorts['inputs']) {
  try {
    const kind = kindOf(folder)
    if (kind !== 'directory') throw notDevices(folder, kind === null ? 'there is no such folder' : 'it is not a folder')
    const visible = (await names(folder)).filter((name) => !isHidden(name))
    if (visible.length === 0) throw notDevices(folder, 'it is empty')
    return visible
  } catch (error) {
    throw readError(error, folder)
  }
}

function notDevices(folder: string, reason: string): FpkiError {
  return unreadable(folder, reason, 'Nothing was imported. Pass the folder DEVICES_DIR of factory-registration-ref.')
}

async function lineOf({ lines }: DeviceRegister, { directory, line }: ImportRegistrationRefOptions): Promise<Line> {
  const at = shellWord(directory)
  if (line === null) return onlyLine(await lines.list(), at)
  const found = await requireLine({ lines }, { directory, name: line })
  if (found.state !== 'closed') return found
  throw new FpkiError('ERR_LINE', `The line ${line} is closed.`, `List the lines: fpki lines list ${at}`)
}

/** The service never uses the line `default`: devices that belong to it could not register again. */
function onlyLine(lines: readonly Line[], at: string): Line {
  const candidates = lines.filter(({ name, state }) => name !== DEFAULT_LINE && state !== 'closed')
  const [only, other] = candidates
  if (only !== undefined && other === undefined) return only
  const names = candidates.map(({ name }) => name).join(', ')
  const [reason, hint] =
    only === undefined
      ? ['the register has none yet', `Create it: fpki lines create ${at} line-1`]
      : [`there are several: ${names}`, 'Give the line whose devices these are.']
  throw new FpkiError('ERR_USAGE', `No line given, and ${reason}.`, hint, only === undefined ? {} : { option: 'line' })
}

interface Terms {
  readonly line: string
  readonly ca: string
  readonly at: number
  readonly notAfter: number
}

/** The certificates are unknown; none is of any use after its CA. */
async function termsOf(pki: OpenPki, { name: line, ca: bound }: Line, { clock }: ImportRegistrationRefPorts) {
  const now = clock()
  const { ca, fingerprint } = await findDeviceIssuer(pki, { file: null, bound }, now)
  return { line, ca: fingerprint, at: now.getTime(), notAfter: ca.notAfter.getTime() }
}

type Counted = Pick<ImportDevicesResult, 'imported' | 'existing' | 'refused' | 'refusals'>

async function importAll(
  names: readonly string[],
  terms: Terms,
  { folder, register }: ImportRegistrationRefOptions & { readonly register: DeviceRegister },
  { inputs, signal }: ImportRegistrationRefPorts,
): Promise<Counted> {
  const counts = { imported: 0, existing: 0, refused: 0 }
  const refusals: ImportDevicesResult['refusals'] = []
  const refuse = (name: string, { code, reason }: Refusal) => {
    counts.refused++
    if (refusals.length < MAX_REASONS)
      refusals.push({ line: null, name: shown(name), uuid: toUuid(name), code, reason })
  }
  for (const some of slicesOf(names, CHUNK)) {
    // A signal is delivered here.
    await setImmediate()
    signal.throwIfAborted()
    const read = some.map((name) => ({ name, key: readKey(folder, name, inputs) }))
    const good = read.flatMap(({ name, key }) => ('problem' in key ? [] : [{ name, key }]))
    const outcomes = (await register.importKeys({ ...terms, keys: good.map(({ key }) => key) })).values()
    // In the order of the files.
    for (const { name, key } of read) {
      if ('problem' in key) {
        refuse(name, { code: 'input-unreadable', reason: key.problem })
        continue
      }
      const { value: outcome } = outcomes.next()
      if (outcome?.kind === 'refused') refuse(name, outcome.refusal)
      else if (outcome !== undefined) counts[outcome.kind]++
    }
  }
  return { ...counts, refusals }
}

/** The reference takes the name from the request as it is: upper case is the same UUID. */
function readKey(
  folder: string,
  name: string,
  { read }: Pick<InputFiles, 'read'>,
): DeviceKey | { readonly problem: string } {
  const uuid = toUuid(name)
  if (uuid === null) return { problem: 'its name is not a UUID' }
  const content = read(folder, name, MAX_KEY_BYTES)
  if ('problem' in content) return content
  try {
    const spki = decodeOnePem('PUBLIC KEY', Buffer.from(content).toString('latin1'), 'the file')
    if (!isP256Spki(spki)) return { problem: 'its key is not on P-256' }
    // The point may be off the curve.
    readPublicKey(spki)
    return { uuid, keyHash: keyHashOf(spki) }
  } catch {
    return { problem: 'it is not a public key in PEM' }
  } finally {
    // It may be a private key.
    content.fill(0)
  }
}
