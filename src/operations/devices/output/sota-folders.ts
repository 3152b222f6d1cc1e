import { X509Certificate } from 'node:crypto'
import { sameOctets } from '../../../pki/octets.js'
import type { FileBatch, FolderFile, NewFolder } from '../../../ports.js'
import type { DeviceOutput, IssuedDevice, KeyPlaces } from '../model.js'
import { keySpki } from './key-folders.js'
import type { DeviceFileSettings } from './settings.js'
import { CLIENT, type DeviceFile, deviceFiles, folderName, KEY } from './sota-files.js'

/** Larger than any file of a device's folder. */
const MAX_BYTES = 64 * 1024

/** A folder that a device has already, in the way of its new one. */
interface Existing {
  readonly device: IssuedDevice
  readonly files: readonly DeviceFile[]
  /** The names in it. */
  readonly names: readonly string[]
}

/**
 * A folder for each device, ready for `/var/sota`. One that has the certificate already stays as it is, but for files that are
 * missing; one with another certificate is kept as `UUID.bak`. All is durable when {@link DeviceOutput.write} resolves.
 */
export function sotaFolders(
  batch: FileBatch,
  settings: DeviceFileSettings,
  { keys, close }: { readonly keys: KeyPlaces | null; close(): Promise<void> },
): DeviceOutput {
  const filesOf = deviceFiles(settings)
  const writeAll = async (devices: readonly IssuedDevice[]) => {
    const fresh: IssuedDevice[] = []
    const existing: Existing[] = []
    for (const device of devices) {
      const names = await batch.list(device.uuid)
      if (names === null) fresh.push(device)
      else existing.push({ device, files: filesOf(device), names })
    }
    await createAll(batch, fresh, filesOf)
    await updateAll(batch, existing)
  }
  let writing: Writing = { uuids: new Set(), done: Promise.resolve() }
  return {
    keys: keys && keysAfter(keys, () => writing),
    write: (devices) => {
      // A device may be twice in the input; the last is the newest.
      const folders = new Map(devices.map((device) => [folderName(device.uuid), device]))
      const done = writeAll([...folders.values()])
      writing = { uuids: new Set(folders.keys()), done }
      return done
    },
    finish: close,
    stop: close,
  }
}

/** The devices whose folders are being written. */
interface Writing {
  readonly uuids: ReadonlySet<string>
  readonly done: Promise<void>
}

/** Looks for the key of a device only when its folder is not on its way to another name. */
function keysAfter(keys: KeyPlaces, current: () => Writing): KeyPlaces {
  const settled = async (uuid: string) => {
    const { uuids, done } = current()
    if (uuids.has(uuid)) await done.catch(() => undefined)
  }
  return {
    ...keys,
    read: async (uuid) => {
      await settled(uuid)
      return keys.read(uuid)
    },
    has: async (uuid) => {
      await settled(uuid)
      return keys.has(uuid)
    },
  }
}

async function createAll(
  batch: FileBatch,
  devices: readonly IssuedDevice[],
  filesOf: (device: IssuedDevice) => readonly DeviceFile[],
): Promise<void> {
  if (devices.length === 0) return
  const folders = devices.map((device) => ({ name: device.uuid, files: filesOf(device) }))
  const taken = await batch.createFolders(folders, 'leave')
  // Another process was first.
  const late = devices.filter(({ uuid }) => taken.has(uuid))
  const existing = late.map(async (device) => {
    const names = (await batch.list(device.uuid)) ?? []
    return { device, files: filesOf(device), names }
  })
  await updateAll(batch, await Promise.all(existing))
}

async function updateAll(batch: FileBatch, folders: readonly Existing[]): Promise<void> {
  const begun: NewFolder[] = []
  const replacing: NewFolder[] = []
  const missing: FolderFile[] = []
  for (const folder of folders) {
    const { device, files, names } = folder
    const client = names.includes(CLIENT) ? await batch.read(device.uuid, CLIENT, MAX_BYTES) : null
    if (client === null) begun.push({ name: device.uuid, files })
    else if (sameOctets(client, Buffer.from(contentOf(files, CLIENT)))) missing.push(...missingFiles(folder))
    else replacing.push(await replacement(batch, folder))
  }
  await batch.createFolders(replacing, 'keep')
  // The certificate is last, because a folder that has it is complete.
  await batch.completeFolders(begun, CLIENT)
  await batch.putFiles(missing)
}

function missingFiles({ device, files, names }: Existing): readonly FolderFile[] {
  return files.filter(({ name }) => !names.includes(name)).map((file) => ({ folder: device.uuid, ...file }))
}

/** The new folder of a device that has one with another certificate. The key is in it too if the certificate is for it. */
async function replacement(batch: FileBatch, { device, files, names }: Existing): Promise<NewFolder> {
  const { uuid, der } = device
  const pem = names.includes(KEY) ? await batch.read(uuid, KEY, MAX_BYTES) : null
  const spki = pem === null ? null : await keySpki(Buffer.from(pem).toString(), uuid)
  const certified = new X509Certificate(der).publicKey.export({ format: 'der', type: 'spki' })
  const isSameKey = pem !== null && spki !== null && sameOctets(spki, certified)
  return { name: uuid, files: isSameKey ? [...files, { name: KEY, content: pem, mode: 0o600 }] : files }
}

function contentOf(files: readonly DeviceFile[], wanted: string): string {
  return files.find(({ name }) => name === wanted)?.content ?? ''
}
