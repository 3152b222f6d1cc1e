import { FpkiError } from '../errors.js'
import type { HsmPlace } from '../keystore/choice.js'
import { noToken } from '../keystore/remembered-token.js'
import type { HsmAccess } from '../keystore/root-key.js'
import type { Curve, HsmChoice, Progress } from '../ports.js'
import { readSecretFile, secretText } from '../secret.js'
import type { HsmFlags } from './hsm-options.js'
import type { Io } from './output.js'
import { passphrasesOf } from './passphrase.js'

type PinPlace = Pick<HsmChoice, 'keypad' | 'allowFinalPinTry' | 'pin'>

/**
 * How a command comes to the root key: by flags, by the environment, or by what the PKI directory remembers; and who is
 * asked for PIN and passphrase. The code of HSMs is loaded only when flags or environment name one.
 */
export async function hsmAccess(
  flags: HsmFlags,
  io: Io,
  progress: Progress,
): Promise<HsmAccess & { complete(place: HsmPlace): HsmChoice }> {
  const words = {
    ...said('module', flags.hsmModule ?? io.env['FPKI_HSM_MODULE']),
    ...said('tokenLabel', flags.hsmTokenLabel ?? io.env['FPKI_HSM_TOKEN_LABEL']),
    ...said('tokenSerial', flags.hsmTokenSerial ?? io.env['FPKI_HSM_TOKEN_SERIAL']),
    ...said('uri', flags.hsmUri ?? io.env['FPKI_HSM_URI']),
    ...said('initArgs', flags.hsmInitArgs ?? io.env['FPKI_HSM_INIT_ARGS']),
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

/** The HSM that a command cannot do without. Throws ERR_USAGE when none is named. */
export async function requiredHsm(flags: HsmFlags, io: Io, progress: Progress): Promise<HsmChoice> {
  const { choice, module } = await hsmAccess(flags, io, progress)
  if (choice !== null) return choice
  if (module) throw noToken(module)
  const hint = 'Give --hsm-module and --hsm-token-label; `fpki hsm list` shows what there is.'
  throw new FpkiError('ERR_USAGE', 'No HSM is named.', hint)
}

/** Flags that mean nothing but where a new key is to be. */
interface NewKeyFlags extends HsmFlags {
  readonly keyType?: Curve
  readonly localCaInHsm?: true
}

/**
 * Where the new keys of a command are to be: `{}` stands for files. Whoever says a word of an HSM must not find the root
 * key on the disk: that throws ERR_USAGE when no HSM is named.
 */
export function newKeyPlace(
  { choice, module }: HsmAccess,
  flags: NewKeyFlags,
  io: Io,
): { readonly hsm?: HsmChoice; readonly keyType?: Curve; readonly localCaInHsm?: boolean } {
  const { keyType = 'P-256', localCaInHsm = false } = flags
  if (choice !== null) return { hsm: choice, keyType, localCaInHsm }
  if (module) throw noToken(module)
  const words = Object.keys(flags).filter((flag) => flag.startsWith('hsm') || FOR_HSM.includes(flag))
  const variables = Object.keys(io.env).filter((name) => name.startsWith('FPKI_HSM_') && name !== 'FPKI_HSM_PIN')
  const [said] = [...words.map(flagWord), ...variables.filter((name) => io.env[name])]
  if (said !== undefined) throw withoutHsm(said)
  return {}
}

const FOR_HSM: readonly string[] = ['keyType', 'localCaInHsm']

function flagWord(flag: string): string {
  return `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

function withoutHsm(word: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `${word} is for keys in an HSM, and no HSM is named.`,
    'Name it with --hsm-module and --hsm-token-label, or leave this flag out.',
  )
}

/** An empty variable is one that was not set. */
function said<Name extends string>(name: Name, value: string | undefined): { readonly [key in Name]?: string } {
  return value ? ({ [name]: value } as { readonly [key in Name]: string }) : {}
}

/** The first place of docs/profile.md#secrets that has a PIN; read when it is needed, and once. */
function pinPlace(
  flags: HsmFlags,
  uri: { readonly file: string | null; readonly value: string | null },
  io: Io,
  progress: Progress,
): PinPlace {
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
