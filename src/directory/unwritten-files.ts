import { isPkiFile } from './names.js'
import type { PkiDirectory } from './pki-directory.js'

/** Files of a PKI directory that are written together: none is on disk before all of them are signed. */
export interface UnwrittenFiles {
  /** The directory as it will be: created files are kept in memory, and read back from it. */
  readonly directory: PkiDirectory
  /** Writes them. Throws ERR_EXISTS, ERR_STORAGE. */
  write(): Promise<void>
}

/** No files yet. */
export function unwrittenFiles(directory: PkiDirectory): UnwrittenFiles {
  const texts = new Map<string, string>()
  const withOurs = (names: readonly string[]) => [...new Set([...names, ...texts.keys()])]
  return {
    directory: {
      ...directory,
      read: async (name) => texts.get(name) ?? directory.read(name),
      create: async (name, pem) => {
        texts.set(name, pem)
      },
      names: async () => withOurs(await directory.names()),
      contents: async () => withOurs(await directory.contents()).filter(isPkiFile),
    },
    write: async () => {
      for (const [name, pem] of texts) await directory.create(name, pem)
    },
  }
}
