import { dirname, join } from 'node:path'
import { openAuditLog } from '../../audit-log/audit-log.js'
import type { KitRecord } from '../../directory/kit-record.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { MAX_PEM_BYTES } from '../../directory/pki-directory.js'
import type { Clock, DurableFiles, Who } from '../../ports.js'
import type { DeviceIssuer } from '../devices/open-issuer.js'
import type { OpenPki } from '../open-pki.js'
import { EXPORT_KIT, isWholeKit, kitRecordAt } from './kit-files.js'

interface Source {
  readonly pki: OpenPki
  readonly issuer: DeviceIssuer
}

interface Ports {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly who: () => Who
}

/** Removes the key of the CA from the PKI directory and its snapshots. Called when the kit with the key is on the disk. */
export async function moveKey({ pki: { directory }, issuer: { key } }: Source, ports: Ports): Promise<void> {
  if (key.kind !== 'file' || (await directory.read(key.name)) === null) return
  await openAuditLog(directory, EXPORT_KIT, ports).logEvent(`Removed ${key.name}, which is in the kit.`)
  await recordMove(directory, key.name)
  await directory.removeFromSnapshots(key.name, 'same')
  await directory.files.remove(join(directory.path, key.name))
}

/**
 * Finishes a move that was interrupted after the kit was complete: its record. null when there is no kit of this CA with the
 * same key.
 */
export async function finishMove(kit: string, { pki, issuer }: Source, ports: Ports): Promise<KitRecord | null> {
  const { files } = ports
  const record = await kitRecordAt(files, kit)
  if (record?.ca.fingerprint !== issuer.fingerprint || issuer.key.kind !== 'file') return null
  const [own, inKit] = [await pki.directory.read(issuer.key.name), await keyIn(files, kit, issuer.key.name)]
  if (inKit === null || (own !== null && own !== inKit) || !(await isWholeKit(files, kit, record))) return null
  // The name of the kit may not be on the disk yet.
  await files.syncAgain(dirname(kit))
  await files.flush()
  await moveKey({ pki, issuer }, ports)
  return record
}

function keyIn(files: DurableFiles, kit: string, name: string): Promise<string | null> {
  return files.read(join(kit, name), MAX_PEM_BYTES)
}

/** Whether a kit has the very key file of the CA; true for a key in a token, which is in no kit. */
export async function hasKeyOf({ pki, issuer: { key } }: Source, kit: string, files: DurableFiles): Promise<boolean> {
  if (key.kind !== 'file') return true
  const own = await pki.directory.read(key.name)
  return own !== null && own === (await keyIn(files, kit, key.name))
}

/** So that `ca verify` does not miss the key. A directory that fpki has never changed has no records. */
async function recordMove(directory: PkiDirectory, key: string): Promise<void> {
  const state = await directory.readState()
  if (state === null) return
  await directory.writeState({ ...state, movedKeys: [...new Set([...(state.movedKeys ?? []), key])] })
}
