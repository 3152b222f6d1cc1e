import { FpkiError } from '../errors.js'
import type { HsmPlace } from '../keystore/choice.js'
import { noToken } from '../keystore/remembered-token.js'
import type { HsmAccess } from '../keystore/root-key.js'
import type { Curve, HsmChoice, Progress } from '../ports.js'
import { readableByOthers, readSecretFile, secretText } from '../secret.js'
import type { HsmFlags } from './hsm-options.js'
import type { Io } from './output.js'
import { passphrasesOf } from './passphrase.js'

type PinPlace = Pick<HsmChoice, 'keypad' | 'allowFinalPinTry' | 'pin'>

/**
 * How a command accesses the root key, according to flags, environment or the records of the PKI directory, and how it
 * gets PIN and passphrase. The HSM code is loaded only when flags or environment select an HSM.
 */
export async function hsmAccess(
  flags: HsmFlags,
  io: Io,
  progress: Progress,
): Promise<HsmAccess & { complete(place: HsmPlace): HsmChoice }> {
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
    const pin = pinPlace(flags, { file: null, value: null }, io, progress)
    return { choice: null, complete: (place) => ({ ...place, ...pin }), passphrases, note, warn }
  }
  const { readHsmWords } = await import('../keystore/choice.js')
  const { place, module, uriPin } = readHsmWords(words)
  const pin = pinPlace(flags, uriPin, io, progress)
  return {
    choice: place === null ? null : { ...place, ...pin },
    module,
    complete: (remembered) => ({ ...remembered, ...pin }),
    passphrases,
    note,
    warn,
  }
}

/** The HSM of a command that requires one. Throws ERR_USAGE if none is selected. */
export async function requiredHsm(flags: HsmFlags, io: Io, progress: Progress): Promise<HsmChoice> {
  const { choice, module } = await hsmAccess(flags, io, progress)
  if (choice !== null) return choice
  if (module) throw noToken(module)
  const hint = 'Pass --hsm-module and --hsm-token-label; `fpki hsm list` shows the available tokens.'
  throw new FpkiError('ERR_USAGE', 'No HSM given.', hint)
}

/** Flags that are only valid together with an HSM. */
interface NewKeyFlags extends HsmFlags {
  readonly keyType?: Curve
  readonly localCaInHsm?: true
}

/**
 * Where a command creates new keys: `{}` stands for files. A user who passes any HSM option must not find the root key on
 * disk, so that throws ERR_USAGE unless an HSM is selected.
 */
export function newKeyPlace(
  { choice, module }: HsmAccess,
  flags: NewKeyFlags,
  io: Io,
): { readonly hsm?: HsmChoice; readonly keyType?: Curve; readonly localCaInHsm?: boolean } {
  const { keyType = 'P-256', localCaInHsm = false } = flags
  if (choice !== null) return { hsm: choice, keyType, localCaInHsm }
  if (module) throw noToken(module)
  const options = Object.keys(flags).filter((flag) => flag.startsWith('hsm') || FOR_HSM.includes(flag))
  const variables = Object.keys(io.env).filter((name) => name.startsWith('FPKI_HSM_') && name !== 'FPKI_HSM_PIN')
  const [stray] = [...options.map(flagWord), ...variables.filter((name) => io.env[name])]
  if (stray !== undefined) throw withoutHsm(stray)
  return {}
}

const FOR_HSM: readonly string[] = ['keyType', 'localCaInHsm']

function flagWord(flag: string): string {
  return `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function withoutHsm(word: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `${word} requires an HSM, and no HSM is given.`,
    'Pass --hsm-module and --hsm-token-label, or omit this option.',
  )
}

/** An empty variable counts as unset. */
function optional<Name extends string>(name: Name, value: string | undefined): { readonly [key in Name]?: string } {
  return value ? ({ [name]: value } as { readonly [key in Name]: string }) : {}
}

/** Reads the PIN when it is needed, from the first source that has one (docs/profile.md#secrets). */
function pinPlace(
  flags: HsmFlags,
  uri: { readonly file: string | null; readonly value: string | null },
  io: Io,
  progress: Progress,
): PinPlace {
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
