import { fileURLToPath } from 'node:url'
import { FpkiError } from '../../../errors.js'
import { type ListedToken, type ListTokensResult, listTokens } from '../../../operations/hsm/list-tokens.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printable, printJson, printText, progressOn } from '../../output.js'

/** The flags of `hsm list`. */
export interface HsmListFlags extends CommonFlags {
  readonly hsmModule?: string
  readonly hsmInitArgs?: string
}

/** In seconds. A network HSM may need some time. */
const TIME_LIMIT = 30

/** `fpki hsm list` */
export async function list(flags: HsmListFlags, io: Io): Promise<void> {
  const path = flags.hsmModule ?? io.env['FPKI_HSM_MODULE']
  const initArgs = flags.hsmInitArgs ?? io.env['FPKI_HSM_INIT_ARGS'] ?? ''
  if (!path && initArgs !== '') {
    throw new FpkiError('ERR_USAGE', '--hsm-init-args requires --hsm-module.', 'Pass --hsm-module too.')
  }
  const { note } = progressOn(io, flags)
  const child = {
    // In the bundle, it is in the same directory.
    program: fileURLToPath(new URL('list-module.js', import.meta.url)),
    env: io.env,
    seconds: TIME_LIMIT,
    signal: io.signal,
    printed: (module: string, text: string) => {
      if (flags.verbose) for (const line of text.trimEnd().split('\n')) note(`Output of ${module}: ${line}`)
    },
  }
  const listed = await listTokens({ module: path ? { module: path, initArgs } : null }, { child })
  if (flags.json) printJson(io, listed)
  else printText(io, asText(listed))
}

function asText({ modules }: ListTokensResult): string {
  if (modules.length === 0) return 'No PKCS#11 module found. Select one with --hsm-module.\n'
  const lines = modules.flatMap(({ path, problem, tokens }) => [
    printable(path),
    ...(problem === null ? [] : [`  ${printable(problem)}`]),
    ...(problem === null && tokens.length === 0 ? ['  no tokens'] : []),
    ...tokens.map((token) => `  ${describe(token)}`),
  ])
  return `${lines.join('\n')}\n`
}

function describe({ label, model, serial, state }: ListedToken): string {
  return `"${printable(label)}"  ${printable(model)}, serial ${printable(serial) || 'none'}, ${state}`
}
