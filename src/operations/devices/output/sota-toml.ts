import { parse, stringify } from 'smol-toml'
import { FpkiError } from '../../../errors.js'

/** What sota.toml says to a device: where its servers are, and where its files go. */
export interface SotaSettings {
  /** `https://gateway.example:8443` */
  readonly gateway: string
  /** `https://ostree.example:8443` */
  readonly ostree: string
  /** null: the key is left out, and aktualizr takes it from the image, or from the name of the host. */
  readonly hardwareId: string | null
  /** The folder of the device's configuration, without a slash at its end: `/var/sota`. */
  readonly configDirectory: string
  readonly usesOstree: boolean
  /** Section, key, TOML literal as text; an empty text removes the key. */
  readonly overrides?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

type Sections = ReadonlyMap<string, ReadonlyMap<string, string>>

/** A bare key (TOML 1.0, "Keys"): anything else would have to be quoted, and aktualizr's settings need no more. */
const BARE_KEY = /^[A-Za-z0-9_-]{1,64}$/

/**
 * The text of a device's sota.toml, as the registration reference writes it, with every value a TOML literal.
 *
 * @throws FpkiError ERR_USAGE when an override is not a bare key with a single TOML literal on one line
 */
export function sotaToml(settings: SotaSettings): string {
  checkOverrides(settings.overrides ?? {})
  const sections = Object.entries(settings.overrides ?? {}).reduce(withOverrides, defaults(settings))
  return [...sections].map(([section, entries]) => sectionText(section, entries)).join('\n')
}

/** Throws ERR_USAGE when an override is not a bare key with a single TOML literal on one line, or an empty text. */
export function checkOverrides(overrides: NonNullable<SotaSettings['overrides']>): void {
  for (const [section, entries] of Object.entries(overrides)) {
    checkKey(section, 'section')
    for (const [key, value] of Object.entries(entries)) {
      checkKey(key, `key of [${section}]`)
      if (value !== '') checkLiteral(value, `[${section}] ${key}`)
    }
  }
}

function defaults({ gateway, ostree, hardwareId, configDirectory, usesOstree }: SotaSettings): Sections {
  const file = '"file"'
  return sectionsOf({
    tls: { server: literal(gateway), ca_source: file, pkey_source: file, cert_source: file },
    provision: {
      server: literal(gateway),
      ...(hardwareId === null ? {} : { primary_ecu_hardware_id: literal(hardwareId) }),
    },
    uptane: { repo_server: literal(`${gateway}/repo`), key_source: file },
    pacman: {
      type: literal(usesOstree ? 'ostree' : 'none'),
      ...(usesOstree ? { ostree_server: literal(`${ostree}/ostree`) } : {}),
    },
    storage: { type: '"sqlite"', path: literal(`${configDirectory}/`) },
    import: {
      tls_cacert_path: literal(`${configDirectory}/root.crt`),
      tls_pkey_path: literal(`${configDirectory}/pkey.pem`),
      tls_clientcert_path: literal(`${configDirectory}/client.pem`),
    },
  })
}

function sectionsOf(sections: Readonly<Record<string, Readonly<Record<string, string>>>>): Sections {
  return new Map(Object.entries(sections).map(([name, entries]) => [name, new Map(Object.entries(entries))]))
}

function withOverrides(
  sections: Sections,
  [section, entries]: readonly [string, Readonly<Record<string, string>>],
): Sections {
  return new Map(sections).set(section, new Map([...(sections.get(section) ?? []), ...Object.entries(entries)]))
}

/** A removed key leaves a comment, as in the reference's answers, so that people see that it is missing on purpose. */
function sectionText(section: string, entries: ReadonlyMap<string, string>): string {
  const lines = [...entries].map(([key, value]) => (value === '' ? `# ${key} is not set` : `${key} = ${value}`))
  return [`[${section}]`, ...lines, ''].join('\n')
}

/** `text` as a TOML basic string. */
function literal(text: string): string {
  return stringify({ value: text })
    .trim()
    .replace(/^value = /, '')
}

function checkKey(key: string, what: string): void {
  if (!BARE_KEY.test(key)) throw badOverride(`the ${what} ${JSON.stringify(key)} is not a bare TOML key`)
}

/** A basic string without escapes (TOML 1.0, "String"), which most overrides are: it needs no parser. */
const PLAIN_STRING = /^"[ !#-[\]-~]{0,1024}"$/

/** One value and nothing else: a second line could add a section of its own. */
function checkLiteral(value: string, what: string): void {
  if (PLAIN_STRING.test(value)) return
  if (/\p{Surrogate}/u.test(value)) throw badOverride(`the value of ${what} is not valid Unicode`)
  if (/[\r\n]/.test(value) || value.length > 4096) throw badOverride(`the value of ${what} is not one short line`)
  const names = Object.keys(parsed(value, what))
  if (names.length !== 1) throw badOverride(`the value of ${what} is not a single TOML literal`)
}

function parsed(value: string, what: string): object {
  try {
    return parse(`value = ${value}`)
  } catch {
    throw badOverride(`the value of ${what} is not a TOML literal: ${JSON.stringify(value)}`)
  }
}

function badOverride(reason: string): FpkiError {
  return new FpkiError('ERR_USAGE', `Invalid override for sota.toml: ${reason}.`, 'Strings need quotes: "\\"main\\"".')
}
