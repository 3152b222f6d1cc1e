import { thisMachine } from '../../../machine/index.js'
import { type CrossSignResult, crossSign as crossSignRoots } from '../../../operations/root-change/cross-sign.js'
import { shellWord } from '../../../shell-word.js'
import { resolved } from '../../directory.js'
import { keyAccess } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'

/** The flags of `ca cross-sign`. */
export interface CrossSignFlags extends CommonFlags, HsmFlags {
  readonly with: string
  readonly withPassphraseFile?: string
  readonly withHsmPinFile?: string
  readonly withHsmUri?: string
}

/** `fpki ca cross-sign <directory>` */
export async function crossSign(directory: string, flags: CrossSignFlags, io: Io): Promise<void> {
  const progress = progressOn(io, flags)
  const signed = await crossSignRoots(
    { directory: resolved(directory, io), with: resolved(flags.with, io) },
    {
      ...thisMachine(io.machine),
      progress,
      signal: io.signal,
      access: await keyAccess(flags, io, progress),
      otherAccess: await keyAccess(flagsOfOther(flags), withoutToken(io, flags), progress),
    },
  )
  if (flags.json) printJson(io, signed)
  else if (!flags.quiet) printText(io, summary(signed))
}

/** Module and token are those of the first root: the directory records where the other one is, or a URI names it. */
function flagsOfOther(flags: CrossSignFlags): HsmFlags {
  const { withPassphraseFile, withHsmPinFile, withHsmUri } = flags
  return {
    ...flags,
    passphraseFile: withPassphraseFile ?? flags.passphraseFile,
    hsmPinFile: withHsmPinFile ?? flags.hsmPinFile,
    hsmModule: withHsmUri === undefined ? undefined : flags.hsmModule,
    hsmTokenLabel: undefined,
    hsmTokenSerial: undefined,
    hsmUri: withHsmUri,
  }
}

/** The variables that select a token are about the first root. */
function withoutToken(io: Io, { withHsmUri }: CrossSignFlags): Io {
  const env = { ...io.env, FPKI_HSM_TOKEN_LABEL: undefined, FPKI_HSM_TOKEN_SERIAL: undefined, FPKI_HSM_URI: undefined }
  return { ...io, env: withHsmUri === undefined ? { ...env, FPKI_HSM_MODULE: undefined } : env }
}

function summary({ certificates }: CrossSignResult): string {
  const lines = certificates.flatMap(({ directory, certifies, file, certificate, existed, keptAs }) => [
    `${existed ? 'Already signed' : 'Signed'}: the root in ${certifies}, by the root in ${directory}`,
    `  in ${directory}/${file}${keptAs === null ? '' : `; the previous one is kept as ${keptAs}`}`,
    `  valid until ${certificate.notAfter}, serial ${certificate.serialHex}`,
  ])
  const [first] = certificates
  const next =
    first === undefined ? [] : [`Where each belongs: \`fpki ca plan-root-change ${shellWord(first.directory)}\``]
  return `${[...lines, ...next].map(printable).join('\n')}\n`
}
