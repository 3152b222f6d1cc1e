import { FpkiError } from '../../errors.js'
import type { TokenChoice } from '../../ports.js'

/** What a PKCS#11 URI says; null where it says nothing. */
export interface Pkcs11Uri {
  readonly token: TokenChoice
  /** CKA_LABEL of the key. */
  readonly object: string | null
  /** CKA_ID of the key in lower-case hex. */
  readonly id: string | null
  readonly modulePath: string | null
  readonly moduleName: string | null
  /** The path of a file that holds the PIN. */
  readonly pinFile: string | null
  /** The PIN itself. Secret. */
  readonly pinValue: string | null
}

const PATH_ATTRIBUTES = ['token', 'serial', 'model', 'manufacturer', 'slot-id', 'object', 'id', 'type'] as const
/** They tell of the module and the slot, by which fpki does not choose. */
const IGNORED = [
  'library-manufacturer',
  'library-description',
  'library-version',
  'slot-description',
  'slot-manufacturer',
]
const QUERY_ATTRIBUTES = ['module-path', 'module-name', 'pin-source', 'pin-value'] as const

/**
 * Reads a PKCS#11 URI (RFC 7512, 2.3). An attribute of the path that fpki does not know is refused, because what it
 * narrows down would be lost; vendors' ones behind the question mark are passed over (RFC 7512, 2.4).
 *
 * @throws FpkiError ERR_USAGE, which never holds the value of an attribute: it may be the PIN
 */
export function readPkcs11Uri(uri: string): Pkcs11Uri {
  if (!/^pkcs11:/i.test(uri)) throw badUri('it does not begin with "pkcs11:"')
  const [path = '', query = '', ...more] = uri.slice('pkcs11:'.length).split('?')
  if (more.length > 0) throw badUri('it has two question marks')
  const named = attributes(path, ';')
  const asked = attributes(query, '&')
  const known: readonly string[] = [...PATH_ATTRIBUTES, ...IGNORED]
  for (const name of named.keys()) {
    if (!known.includes(name)) throw badUri(`it has an attribute that fpki does not know, ${name}`)
  }
  const type = text(named, 'type')
  if (type !== null && type !== 'private') throw badUri('its type is not "private"')
  const slotId = text(named, 'slot-id')
  if (slotId !== null && !/^\d+$/.test(slotId)) throw badUri('its slot-id is no number')
  return {
    token: {
      label: text(named, 'token'),
      serial: text(named, 'serial'),
      model: text(named, 'model'),
      manufacturer: text(named, 'manufacturer'),
      slotId,
    },
    object: notEmpty(text(named, 'object'), 'object'),
    id: notEmpty(named.get('id')?.toString('hex') ?? null, 'id'),
    modulePath: text(asked, 'module-path'),
    moduleName: text(asked, 'module-name'),
    pinFile: pinFile(text(asked, 'pin-source')),
    pinValue: text(asked, 'pin-value'),
  }
}

/** A key without a label or an id could not be found again. */
function notEmpty(value: string | null, name: string): string | null {
  if (value === '') throw badUri(`its ${name} is empty`)
  return value
}

type PathAttribute = (typeof PATH_ATTRIBUTES)[number]
type QueryAttribute = (typeof QUERY_ATTRIBUTES)[number]

function text(found: ReadonlyMap<string, Buffer>, name: PathAttribute | QueryAttribute): string | null {
  return found.get(name)?.toString('utf8') ?? null
}

function attributes(part: string, separator: string): ReadonlyMap<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const attribute of part.split(separator)) {
    if (attribute === '') continue
    const [, name, value] = /^([A-Za-z0-9_-]+)=(.*)$/s.exec(attribute) ?? []
    if (name === undefined || value === undefined) throw badUri('an attribute is not written as name=value')
    if (found.has(name)) throw badUri(`it has the attribute ${name} twice`)
    found.set(name, percentDecoded(value, name))
  }
  return found
}

/** Octets, because an id may be any (RFC 7512, 2.3); decodeURIComponent takes UTF-8 only. */
function percentDecoded(value: string, name: string): Buffer {
  const whole = value.replace(/%[0-9A-Fa-f]{2}/g, '')
  if (whole.includes('%')) throw badUri(`the value of ${name} has a "%" without two hex digits`)
  const parts = value.split(/(%[0-9A-Fa-f]{2})/)
  return Buffer.concat(
    parts.map((part) => (part.startsWith('%') ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part))),
  )
}

/** RFC 7512, 2.4: a file, as a path or a `file:` URI. A command (`|…`) would get the PIN's owner's rights; fpki runs none. */
function pinFile(source: string | null): string | null {
  if (source === null) return null
  if (source.startsWith('|')) throw badUri('its pin-source is a command, and fpki runs none')
  const path = source.replace(/^file:(\/\/(localhost)?(?=\/))?/, '')
  if (!path.startsWith('/')) throw badUri('its pin-source is no absolute path')
  return path
}

function badUri(reason: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `The PKCS#11 URI does not hold: ${reason}.`,
    "Write it as RFC 7512 has it: 'pkcs11:token=acme;object=root-ca?module-path=/usr/lib/softhsm/libsofthsm2.so'.",
  )
}
