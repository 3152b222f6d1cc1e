import { FpkiError } from '../errors.js'
import { noToken } from '../keystore/remembered-token.js'
import type { KeyAccess } from '../keystore/root-key.js'
import type { HsmChoice, Progress, TokenLogin } from '../ports.js'
import { readableByOthers, readSecretFile, secretText } from '../secret.js'
import type { HsmFlags } from './hsm-options.js'
import type { Io } from './output.js'
import { passphrasesOf } from './passphrase.js'

/** {@link KeyAccess} on the command line, which has both and asks only when they are used. */
export interface CliKeyAccess extends KeyAccess {
  readonly passphrases: NonNullable<KeyAccess['passphrases']>
  readonly login: TokenLogin
}

/**
 * How a command accesses the root key, according to flags, environment or the records of the PKI directory, and how it
 * gets PIN and passphrase. The HSM code is loaded only when flags or environment select an HSM.
 */
export async function keyAccess(flags: HsmFlags, io: Io, progress: Progress): Promise<CliKeyAccess> {
  const words = {
    ...optional('module', flags.hsmModule ?? io.env['FPKI_HSM_MODULE']),
    ...optional('tokenLabel', flags.hsmTokenLabel ?? io.env['FPKI_HSM_TOKEN_LABEL']),
    ...optional('tokenSerial', flags.hsmTokenSerial ?? io.env['FPKI_HSM_TOKEN_SERIAL']),
    ...optional('uri', flags.hsmUri ?? io.env['FPKI_HSM_URI']),
    ...optional('initArgs', flags.hsmInitArgs ?? io.env['FPKI_HSM_INIT_ARGS']),
  }
  const { note, warn } = progress
  const passphrases = passphrasesOf(flags, io, progress)
  if (Object.keys(words).length === 0) {
    const login = tokenLogin(flags, { file: null, value: null }, io, progress)
    return { root: { kind: 'recorded', module: null }, passphrases, login, note, warn }
  }
  const { parseHsmOptions } = await import('../keystore/hsm-words.js')
  const { hsm, module, uriPin } = parseHsmOptions(words)
  const login = tokenLogin(flags, uriPin, io, progress)
  const root: KeyAccess['root'] = hsm === null ? { kind: 'recorded', module } : { kind: 'token', hsm }
  return { root, passphrases, login, note, warn }
}

/** The HSM that a command requires, and how to log in. Throws ERR_USAGE when none is named. */
export async function requiredHsm(
  flags: HsmFlags,
  io: Io,
  progress: Progress,
): Promise<{ readonly hsm: HsmChoice; readonly access: CliKeyAccess }> {
  const access = await keyAccess(flags, io, progress)
  const { root } = access
  if (root.kind === 'token') return { hsm: root.hsm, access }
  if (root.kind === 'recorded' && root.module !== null) throw noToken(root.module)
  const hint = 'Pass --hsm-module and --hsm-token-label; `fpki hsm list` shows the available tokens.'
  throw new FpkiError('ERR_USAGE', 'No HSM given.', hint)
}

/** Throws ERR_USAGE when a secret would be read from stdin, which has `what`. */
export function checkStdin({ passphraseFile, hsmPinFile }: HsmFlags, what: string): void {
  if (passphraseFile !== '-' && hsmPinFile !== '-') return
  const secret = passphraseFile === '-' ? 'passphrase' : 'PIN'
  const text = `Cannot read both ${what} and the ${secret} from stdin.`
  throw new FpkiError('ERR_USAGE', text, 'Pass one of them in a file, or the secret in an environment variable.')
}

/** An empty variable counts as unset. */
function optional<Name extends string>(name: Name, value: string | undefined): { readonly [key in Name]?: string } {
  return value ? ({ [name]: value } as { readonly [key in Name]: string }) : {}
}

/** Reads the PIN when it is needed, from the first source that has one (docs/profile.md#secrets). */
function tokenLogin(
  flags: HsmFlags,
  uri: { readonly file: string | null; readonly value: string | null },
  io: Io,
  progress: Progress,
): TokenLogin {
  const fromFile = async (path: string) => {
    const { text, isOpenToOthers } = await readSecretFile(path, 'PIN', io.stdin)
    if (isOpenToOthers) progress.warn(readableByOthers('PIN', path))
    return text
  }
  // Reading a terminal through stdin would echo the PIN; a prompt does not.
  const fromFlag = (path: string, token: string) =>
    path === '-' && io.askSecret !== null ? io.askSecret(question(token)) : fromFile(path)
  return {
    keypad: flags.hsmPinpad === true,
    allowFinalPinTry: flags.hsmAllowFinalPinTry === true,
    pin: async (token) => {
      if (flags.hsmPinFile !== undefined) return fromFlag(flags.hsmPinFile, token)
      const fromEnvironment = io.env['FPKI_HSM_PIN']
      if (fromEnvironment) return secretText(fromEnvironment, 'PIN', 'FPKI_HSM_PIN')
      if (uri.file !== null) return fromFile(uri.file)
      if (uri.value !== null) return withWarning(uri.value, 'pin-value in the URI', progress)
      if (flags.hsmPin !== undefined) return withWarning(flags.hsmPin, '--hsm-pin', progress)
      return prompted(token, io)
    },
  }
}

function withWarning(pin: string, where: string, { warn }: Progress): string {
  warn(`Other users can see the PIN in ${where}; --hsm-pin-file and FPKI_HSM_PIN are safer.`)
  return secretText(pin, 'PIN', where)
}

function question(token: string): string {
  return `PIN for the token ${token}: `
}

async function prompted(token: string, io: Io): Promise<string> {
  if (io.askSecret !== null) return io.askSecret(question(token))
  throw new FpkiError(
    'ERR_HSM_PIN',
    `No PIN given for the token ${token}, and there is no terminal to ask on.`,
    'Pass --hsm-pin-file FILE (- is stdin), set FPKI_HSM_PIN, or use --hsm-pinpad to type it on the reader.',
  )
}
