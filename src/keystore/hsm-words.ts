import { basename } from 'node:path'
import type { TokenKeyRef } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import type { HsmChoice, ModuleChoice } from '../ports.js'
import { wellKnownModules } from '../signer/pkcs11/discover.js'
import { readPkcs11Uri } from '../signer/pkcs11/uri.js'

/** What a person said about an HSM; absent where nothing was said. */
export interface HsmWords {
  readonly module?: string
  readonly tokenLabel?: string
  readonly tokenSerial?: string
  /** RFC 7512. */
  readonly uri?: string
  readonly initArgs?: string
}

/** The PIN, as far as a URI says where it is. */
export interface UriPin {
  readonly file: string | null
  /** Secret. */
  readonly value: string | null
}

/** What {@link readHsmWords} finds. */
export interface ReadHsmWords {
  readonly hsm: HsmChoice | null
  /** Named without a token: that may be the one which the PKI directory records. */
  readonly module: ModuleChoice | null
  readonly uriPin: UriPin
}

/**
 * Puts the flags and the URI together; a flag goes before the URI. `hsm` is null when no token is named.
 *
 * @throws FpkiError ERR_USAGE when only a part is said, or the URI does not hold
 */
export function readHsmWords(words: HsmWords): ReadHsmWords {
  const uri = readPkcs11Uri(words.uri ?? 'pkcs11:')
  const token = {
    ...uri.token,
    label: words.tokenLabel ?? uri.token.label,
    serial: words.tokenSerial ?? uri.token.serial,
  }
  const isTokenSaid = Object.values(token).some((value) => value !== null)
  const module = checkModule(words.module ?? uri.modulePath ?? moduleNamed(uri.moduleName), isTokenSaid)
  const named = module === null ? null : { module, initArgs: words.initArgs ?? '' }
  const key = { label: uri.object, id: uri.id }
  return {
    hsm: named === null || !isTokenSaid ? null : { ...named, token, key },
    module: isTokenSaid ? null : named,
    uriPin: { file: uri.pinFile, value: uri.pinValue },
  }
}

/** RFC 7512, 2.3: the name of the library without what the platform puts around it. */
function moduleNamed(name: string | null): string | null {
  if (name === null) return null
  const paths = wellKnownModules()
  const found = paths.find((path) => [`${name}.so`, `lib${name}.so`].includes(basename(path)))
  if (found !== undefined) return found
  throw new FpkiError(
    'ERR_HSM_MODULE',
    `There is no PKCS#11 module named "${name}" on this machine.`,
    'Say where it is with module-path in the URI, or with --hsm-module.',
  )
}

/** A token is nothing without its module. */
function checkModule(module: string | null, isTokenSaid: boolean): string | null {
  if (module === null && !isTokenSaid) return null
  if (module === null) throw missing('which module has the token', '--hsm-module PATH')
  // state.json remembers it, and the next command may run in another folder.
  if (module.includes('/') && !module.startsWith('/')) throw relativeModule(module)
  return module
}

/** The place of a key that a PKI directory remembers. */
export function rememberedPlace(reference: TokenKeyRef): HsmChoice {
  const { module, initArgs = '', tokenLabel, tokenSerial, keyLabel, keyId } = reference
  const token = { label: tokenLabel, serial: tokenSerial, model: null, manufacturer: null, slotId: null }
  return { module, initArgs, token, key: { label: keyLabel, id: keyId } }
}

function relativeModule(module: string): FpkiError {
  const text = `The PKCS#11 module is a relative path: ${JSON.stringify(module)}.`
  return new FpkiError('ERR_USAGE', text, 'Give it as an absolute path.')
}

function missing(what: string, flag: string): FpkiError {
  return new FpkiError('ERR_USAGE', `It is not said ${what}.`, `Give ${flag}; \`fpki hsm list\` shows what there is.`)
}
