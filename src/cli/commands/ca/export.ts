import { namedFactory } from '../../../config/settings.js'
import { thisMachine } from '../../../machine/index.js'
import { exportP12 } from '../../../operations/paper/export-p12.js'
import { filePath, resolved } from '../../directory.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { passphrasesOf } from '../../passphrase.js'

/** The flags of `ca export`. */
export interface ExportFlags extends CommonFlags, Pick<HsmFlags, 'passphraseFile'> {
  readonly p12: string
  readonly out?: string
}

/** `fpki ca export <directory>` */
export async function exportLocalCa(directory: string, flags: ExportFlags, io: Io): Promise<void> {
  const progress = progressOn(io, flags)
  const exported = await exportP12(
    {
      directory: resolved(directory, io),
      factory: namedFactory(flags, io.env),
      name: flags.p12,
      out: filePath(flags.out ?? `${flags.p12.replace(/\.pem$/, '')}.p12`, io),
    },
    { ...thisMachine(io.machine), progress, passphrases: passphrasesOf(flags, io, progress, 'PKCS#12 file') },
  )
  if (flags.json) printJson(io, exported)
  else progress.note(`Exported the key and certificate chain of ${exported.certificate.subject} to ${exported.file}`)
}
