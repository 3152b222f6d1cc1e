import { FpkiError } from '../../errors.js'
import type { TokenChoice } from '../../ports.js'

/** What a PKCS#11 URI says; null where it says nothing, which matches anything. */
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
 * narrows down would be lost; unknown ones in the query are the vendors' and ignored (RFC 7512, 2.4). An attribute that
 * is absent matches anything, an empty one matches an empty value only (RFC 7512, 2.6).
 *
 * @throws FpkiError ERR_USAGE, which never holds the value of an attribute: it may be the PIN
 */
export function readPkcs11Uri(uri: string): Pkcs11Uri {
  if (!/^pkcs11:/i.test(uri)) throw badUri('it does not begin with "pkcs11:"')
  // Only the first question mark ends the path: in the query it is a character like others (pk11-query-res-avail).
  const [, path = '', query = ''] = /^pkcs11:([^?]*)\??(.*)$/is.exec(uri) ?? []
  const inPath = attributes(path, ';')
  const inQuery = attributes(query, '&')
  checkPlaces([...inPath.keys()], inQuery)
  const type = text(inPath, 'type')
  if (type !== null && type !== 'private') throw badUri('its type is not "private"')
  const slotId = text(inPath, 'slot-id')
  if (slotId !== null && !/^\d+$/.test(slotId)) throw badUri('its slot-id is not a number')
  return {
    token: {
      label: text(inPath, 'token'),
      serial: text(inPath, 'serial'),
      model: text(inPath, 'model'),
      manufacturer: text(inPath, 'manufacturer'),
      slotId,
    },
    object: text(inPath, 'object'),
    id: inPath.get('id')?.toString('hex') ?? null,
    modulePath: text(inQuery, 'module-path'),
    moduleName: text(inQuery, 'module-name'),
    pinFile: pinFile(text(inQuery, 'pin-source')),
    pinValue: text(inQuery, 'pin-value'),
  }
}

/** Refuses an attribute in the part of the URI that it does not belong to: there it would have another meaning, or none. */
function checkPlaces(inPath: readonly string[], inQuery: ReadonlyMap<string, Buffer>): void {
  const pathNames: readonly string[] = [...PATH_ATTRIBUTES, ...IGNORED]
  const queryNames: readonly string[] = QUERY_ATTRIBUTES
  for (const name of inPath) {
    if (queryNames.includes(name)) throw badUri(`the attribute ${name} belongs in the query, after the "?"`)
    if (!pathNames.includes(name)) throw badUri(`it has an attribute that fpki does not know, ${name}`)
  }
  for (const [name, value] of inQuery) {
    if (pathNames.includes(name)) throw badUri(`the attribute ${name} belongs in the path, before the "?"`)
    // A wrong separator would make a PIN a part of the module's path, which messages show.
    const [, swallowed] = MISSED_SEPARATOR.exec(value.toString('utf8')) ?? []
    if (swallowed !== undefined) {
      throw badUri(
        `"&" separates the attributes of the query, and ${name} and ${swallowed} have another character between`,
      )
    }
  }
}

const MISSED_SEPARATOR = new RegExp(`[?;](${QUERY_ATTRIBUTES.join('|')})=`)

/** What {@link formatPkcs11Uri} puts into a URI. */
export interface KeyLocation {
  readonly token?: Pick<TokenChoice, 'label' | 'serial'>
  /** null: any. */
  readonly object: string | null
  /** Lower-case hex; null: any. */
  readonly id: string | null
  readonly modulePath?: string
}

/** The URI of a key (RFC 7512, 2.3), which a shell takes in single quotes as it is. {@link readPkcs11Uri} reads it. */
export function formatPkcs11Uri({ token, object, id, modulePath }: KeyLocation): string {
  const attribute = (name: string, value: string | null | undefined) =>
    value === null || value === undefined ? [] : [`${name}=${percentEncoded(Buffer.from(value))}`]
  const ofKey = id === null ? [] : [`id=${id.replace(/../g, '%$&')}`]
  const path = [
    ...attribute('token', token?.label),
    ...attribute('serial', token?.serial),
    ...attribute('object', object),
    ...ofKey,
  ]
  const [query = ''] = attribute('module-path', modulePath)
  return `pkcs11:${path.join(';')}${query === '' ? '' : `?${query.replaceAll('%2F', '/')}`}`
}

/** Every octet that is not unreserved (RFC 3986, 2.3). */
function percentEncoded(octets: Buffer): string {
  return [...octets]
    .map((octet) => String.fromCharCode(octet))
    .map((one) =>
      /[A-Za-z0-9._~-]/.test(one) ? one : `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
    .join('')
}

type PathAttribute = (typeof PATH_ATTRIBUTES)[number]
type QueryAttribute = (typeof QUERY_ATTRIBUTES)[number]

function text(values: ReadonlyMap<string, Buffer>, name: PathAttribute | QueryAttribute): string | null {
  return values.get(name)?.toString('utf8') ?? null
}

function attributes(part: string, separator: string): ReadonlyMap<string, Buffer> {
  const values = new Map<string, Buffer>()
  for (const attribute of part.split(separator)) {
    if (attribute === '') continue
    const [, name, value] = /^([A-Za-z0-9_-]+)=(.*)$/s.exec(attribute) ?? []
    if (name === undefined || value === undefined) throw badUri('an attribute is not written as name=value')
    if (values.has(name)) throw badUri(`it has the attribute ${name} twice`)
    values.set(name, percentDecoded(value, name))
  }
  return values
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
  if (!path.startsWith('/')) throw badUri('its pin-source is not an absolute path')
  return path
}

function badUri(reason: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `Invalid PKCS#11 URI: ${reason}.`,
    "The form is 'pkcs11:token=acme;object=root-ca?module-path=/usr/lib/softhsm/libsofthsm2.so' (RFC 7512).",
  )
}
