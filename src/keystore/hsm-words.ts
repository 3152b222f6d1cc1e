import { basename } from 'node:path'
import type { TokenKeyRef } from '../directory/records.js'
import { FpkiError } from '../errors.js'
import type { HsmChoice, ModuleChoice } from '../ports.js'
import { wellKnownModules } from '../signer/pkcs11/discover.js'
import { readPkcs11Uri } from '../signer/pkcs11/uri.js'

/** The HSM options of flags and environment. */
export interface HsmOptions {
  readonly module?: string
  readonly tokenLabel?: string
  readonly tokenSerial?: string
  /** RFC 7512. */
  readonly uri?: string
  readonly initArgs?: string
}

/** The result of {@link parseHsmOptions}. */
export interface ParsedHsmOptions {
  readonly hsm: HsmChoice | null
  /** A module without a token, which the PKI directory may record. */
  readonly module: ModuleChoice | null
  /** The PIN source of the URI; `value` is secret. */
  readonly uriPin: { readonly file: string | null; readonly value: string | null }
}

/**
 * Merges the flags and the URI; a flag has precedence over the URI. `hsm` is null when no token is named.
 *
 * @throws FpkiError ERR_USAGE when a token has no module, or the URI is invalid
 */
export function parseHsmOptions(options: HsmOptions): ParsedHsmOptions {
  const uri = readPkcs11Uri(options.uri ?? 'pkcs11:')
  const token = {
    ...uri.token,
    label: options.tokenLabel ?? uri.token.label,
    serial: options.tokenSerial ?? uri.token.serial,
  }
  const isTokenNamed = Object.values(token).some((value) => value !== null)
  const module = checkModule(options.module ?? uri.modulePath ?? moduleNamed(uri.moduleName), isTokenNamed)
  const named = module === null ? null : { module, initArgs: options.initArgs ?? '' }
  const key = { label: uri.object, id: uri.id }
  return {
    hsm: named === null || !isTokenNamed ? null : { ...named, token, key },
    module: isTokenNamed ? null : named,
    uriPin: { file: uri.pinFile, value: uri.pinValue },
  }
}

/** RFC 7512, 2.3: the name of the library without what the platform puts around it. */
function moduleNamed(name: string | null): string | null {
  if (name === null) return null
  const paths = wellKnownModules()
  const match = paths.find((path) => [`${name}.so`, `lib${name}.so`].includes(basename(path)))
  if (match !== undefined) return match
  throw new FpkiError(
    'ERR_HSM_MODULE',
    `No PKCS#11 module named "${name}" found on this machine.`,
    'Pass its path as module-path in the URI, or with --hsm-module.',
  )
}

/** A token needs its module. */
function checkModule(module: string | null, isTokenNamed: boolean): string | null {
  if (module === null && !isTokenNamed) return null
  if (module === null) throw noModule()
  // state.json remembers it, and the next command may run in another folder.
  if (module.includes('/') && !module.startsWith('/')) throw relativeModule(module)
  return module
}

/** Selects the token and the key of a reference. */
export function choiceOfRef(ref: TokenKeyRef): HsmChoice {
  const { module, initArgs = '', tokenLabel, tokenSerial, keyLabel, keyId } = ref
  const token = { label: tokenLabel, serial: tokenSerial, model: null, manufacturer: null, slotId: null }
  return { module, initArgs, token, key: { label: keyLabel, id: keyId } }
}

function relativeModule(module: string): FpkiError {
  const text = `The PKCS#11 module is a relative path: ${JSON.stringify(module)}.`
  return new FpkiError('ERR_USAGE', text, 'Use an absolute path.')
}

function noModule(): FpkiError {
  const hint = 'Pass --hsm-module PATH; `fpki hsm list` lists the modules of this machine.'
  return new FpkiError('ERR_USAGE', 'No PKCS#11 module given for the token.', hint)
}
