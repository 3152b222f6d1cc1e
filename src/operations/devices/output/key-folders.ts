import { join } from 'node:path'
import { FpkiError } from '../../../errors.js'
import { isP256Spki } from '../../../pki/public-key.js'
import type { DurableFiles, FileBatch } from '../../../ports.js'
import { openEcKey } from '../../../signer/open-key.js'
import type { KeyPlaces } from '../model.js'
import { CLIENT, folderName, KEY } from './sota-files.js'

/** More than any key has. */
export const MAX_KEY_BYTES = 16 * 1024
const MODE = 0o600

/**
 * The keys that fpki makes, each at its final place in the folder of its device. A folder that has a key or a certificate is
 * kept as `UUID.bak` before the device gets another key: what fpki cannot read there may be a key all the same, such as an
 * encrypted one.
 */
export function keyFolders(batch: FileBatch, directory: string, files: Pick<DurableFiles, 'checkOwnFile'>): KeyPlaces {
  return {
    read: async (uuid) => {
      const path = join(directory, folderName(uuid), KEY)
      const content = await readOrNull(() => batch.read(uuid, KEY, MAX_KEY_BYTES))
      if (content === null) return null
      for (const own of [join(directory, uuid), path]) await files.checkOwnFile(own)
      const spki = await keySpki(Buffer.from(content).toString(), path)
      // Devices have no other keys (docs/profile.md#device).
      return spki !== null && isP256Spki(spki) ? spki : null
    },
    has: async (uuid) => (await batch.list(folderName(uuid))) !== null,
    write: async (keys) => {
      const contents = new Map(keys.map(({ uuid, privateKeyPem }) => [folderName(uuid), privateKeyPem]))
      const fileOf = (uuid: string) => ({ name: KEY, content: contents.get(uuid) ?? '', mode: MODE })
      const fresh: string[] = []
      const begun: string[] = []
      for (const uuid of contents.keys()) {
        const names = await batch.list(uuid)
        const isBegun = names !== null && !names.includes(CLIENT) && !names.includes(KEY)
        ;(isBegun ? begun : fresh).push(uuid)
      }
      await batch.createFolders(
        fresh.map((uuid) => ({ name: uuid, files: [fileOf(uuid)] })),
        'keep',
      )
      await batch.putFiles(begun.map((folder) => ({ folder, ...fileOf(folder) })))
    },
  }
}

/** The SubjectPublicKeyInfo of an undamaged key; null for anything else. */
export function keySpki(pem: string, what: string): Promise<Uint8Array | null> {
  return readOrNull(async () => (await openEcKey(pem, what)).signer.spki)
}

/** null for what is no key; a disk that does not answer is an error, because the key may be there. */
async function readOrNull<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FpkiError && ['ERR_BAD_KEY', 'ERR_PASSPHRASE', 'ERR_BAD_FILE'].includes(error.code))
      return null
    throw error
  }
}
