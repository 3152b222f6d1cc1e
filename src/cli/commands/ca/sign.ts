import { namedFactory } from '../../../config/settings.js'
import { thisMachine } from '../../../machine/index.js'
import { readDays, type SignProfile, signRequest } from '../../../operations/signing/sign-request.js'
import { readInputFile } from '../../../storage/input-file.js'
import { resolved } from '../../directory.js'
import { keyAccess } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'

/** The flags of `ca sign`. */
export interface SignFlags extends CommonFlags, HsmFlags {
  readonly pkiDir: string
  readonly out?: string
  readonly profile?: keyof typeof PROFILES
  readonly days?: string
}

/** The values of `--profile`. */
const PROFILES = { 'tls-server': 'tls', tls: 'tls', 'device-ca': 'device-ca' } as const satisfies Record<
  string,
  SignProfile
>

/** Larger than any CSR. */
const MAX_BYTES = 1024 * 1024

/** `fpki ca sign <CSR>` */
export async function sign(file: string, flags: SignFlags, io: Io): Promise<void> {
  const days = flags.days === undefined ? null : readDays(flags.days)
  const progress = progressOn(io, flags)
  const content = await readInputFile(file, MAX_BYTES, io.stdin)
  const signed = await signRequest(
    {
      request: content.includes('-----BEGIN') ? content.toString('latin1') : content,
      what: file === '-' ? 'the CSR on stdin' : file,
      path: file === '-' ? null : file,
      directory: resolved(flags.pkiDir, io),
      factory: namedFactory(flags, io.env),
      profile: flags.profile === undefined ? null : PROFILES[flags.profile],
      days,
      out: flags.out === undefined ? null : resolved(flags.out, io),
    },
    { ...thisMachine(io.machine), progress, access: await keyAccess(flags, io, progress) },
  )
  if (flags.json) printJson(io, signed)
  else if (signed.file === null) io.stdout(signed.certificate.pem)
  else progress.note(`Wrote the certificate to ${signed.file}, valid until ${signed.certificate.notAfter}`)
}
