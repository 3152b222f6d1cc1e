import { FpkiError } from '../errors.js'
import { noToken } from '../keystore/remembered-token.js'
import type { KeyAccess } from '../keystore/root-key.js'
import type { HsmChoice, Progress, TokenLogin } from '../ports.js'
import { readSecretFile, secretText } from '../secret.js'
import type { HsmFlags } from './hsm-options.js'
import type { Io } from './output.js'
import { passphrasesOf } from './passphrase.js'

/** {@link KeyAccess} on the command line, which has both and asks only when they are used. */
export interface CliKeyAccess extends KeyAccess {
  readonly passphrases: NonNullable<KeyAccess['passphrases']>
  readonly login: TokenLogin
}

/**
 * How a command gets to the root key: by flags, by the environment, or by what the PKI directory records; and who is asked
 * for PIN and passphrase. The code of HSMs is loaded only when flags or environment name one.
 */
export async function keyAccess(flags: HsmFlags, io: Io, progress: Progress): Promise<CliKeyAccess> {
  const words = {
    ...setting('module', flags.hsmModule ?? io.env['FPKI_HSM_MODULE']),
    ...setting('tokenLabel', flags.hsmTokenLabel ?? io.env['FPKI_HSM_TOKEN_LABEL']),
    ...setting('tokenSerial', flags.hsmTokenSerial ?? io.env['FPKI_HSM_TOKEN_SERIAL']),
    ...setting('uri', flags.hsmUri ?? io.env['FPKI_HSM_URI']),
    ...setting('initArgs', flags.hsmInitArgs ?? io.env['FPKI_HSM_INIT_ARGS']),
  }
  const { note, warn } = progress
  const passphrases = passphrasesOf(flags, io, progress)
  if (Object.keys(words).length === 0) {
    const login = tokenLogin(flags, { file: null, value: null }, io, progress)
    return { root: { kind: 'recorded', module: null }, passphrases, login, note, warn }
  }
  const { readHsmWords } = await import('../keystore/hsm-words.js')
  const { hsm, module, uriPin } = readHsmWords(words)
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
  const hint = 'Give --hsm-module and --hsm-token-label; `fpki hsm list` shows what there is.'
  throw new FpkiError('ERR_USAGE', 'No HSM is named.', hint)
}

/** An empty variable is one that was not set. */
function setting<Name extends string>(name: Name, value: string | undefined): { readonly [key in Name]?: string } {
  return value ? ({ [name]: value } as { readonly [key in Name]: string }) : {}
}

/** The first place of docs/profile.md#secrets that has a PIN; read when it is needed, and once. */
function tokenLogin(
  flags: HsmFlags,
  uri: { readonly file: string | null; readonly value: string | null },
  io: Io,
  progress: Progress,
): TokenLogin {
  const fromFile = async (path: string) => {
    const { text, isOpenToOthers } = await readSecretFile(path, 'PIN', io.stdin)
    if (isOpenToOthers) progress.warn(`others can read the PIN in ${path}; give it mode 0600.`)
    return text
  }
  // A terminal on stdin would show what is typed; the question does not.
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
  warn(`others on this machine can see the PIN in ${where}; --hsm-pin-file and FPKI_HSM_PIN are safer.`)
  return secretText(pin, 'PIN', where)
}

function question(token: string): string {
  return `PIN of the token ${token}: `
}

async function prompted(token: string, io: Io): Promise<string> {
  if (io.askSecret !== null) return io.askSecret(question(token))
  throw new FpkiError(
    'ERR_HSM_PIN',
    `There is no PIN for the token ${token}, and no terminal to ask on.`,
    'Give it with --hsm-pin-file FILE (- is stdin) or FPKI_HSM_PIN, or type it on the reader with --hsm-pinpad.',
  )
}
