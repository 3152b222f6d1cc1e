import { FpkiError } from '../../errors.js'
import type { TokenChoice } from '../../ports.js'

/** A parsed PKCS#11 URI; null for absent attributes, which match anything. */
interface Pkcs11Uri {
  readonly token: TokenChoice
  /** CKA_LABEL of the key. */
  readonly object: string | null
  /** CKA_ID of the key in lower-case hex. */
  readonly id: string | null
  readonly modulePath: string | null
  readonly moduleName: string | null
  /** The path of a file with the PIN. */
  readonly pinFile: string | null
  /** The PIN itself. Secret. */
  readonly pinValue: string | null
}

const PATH_ATTRIBUTES = ['token', 'serial', 'model', 'manufacturer', 'slot-id', 'object', 'id', 'type'] as const
/** Attributes of the module and the slot, which fpki does not match. */
const IGNORED = [
  'library-manufacturer',
  'library-description',
  'library-version',
  'slot-description',
  'slot-manufacturer',
]
const QUERY_ATTRIBUTES = ['module-path', 'module-name', 'pin-source', 'pin-value'] as const

/**
 * Parses a PKCS#11 URI (RFC 7512, 2.3). Unknown path attributes are refused, because ignoring them would match more; unknown
 * query attributes are vendor-specific and ignored (RFC 7512, 2.4). An absent attribute matches anything, an empty one only
 * an empty value (RFC 7512, 2.6).
 *
 * @throws FpkiError ERR_USAGE, which never contains a value: it may be the PIN
 */
export function readPkcs11Uri(uri: string): Pkcs11Uri {
  if (!/^pkcs11:/i.test(uri)) throw badUri('it does not start with "pkcs11:"')
  // Only the first question mark ends the path; the query may contain more (pk11-query-res-avail).
  const [, path = '', query = ''] = /^pkcs11:([^?]*)\??(.*)$/is.exec(uri) ?? []
  const inPath = attributes(path, ';')
  const inQuery = attributes(query, '&')
  checkComponents([...inPath.keys()], inQuery)
  const type = text(inPath, 'type')
  if (type !== null && type !== 'private') throw badUri('type is not "private"')
  const slotId = text(inPath, 'slot-id')
  if (slotId !== null && !/^\d+$/.test(slotId)) throw badUri('slot-id is not a number')
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

/** Refuses attributes in the wrong part of the URI. */
function checkComponents(inPath: readonly string[], inQuery: ReadonlyMap<string, Buffer>): void {
  const pathAttributes: readonly string[] = [...PATH_ATTRIBUTES, ...IGNORED]
  const queryAttributes: readonly string[] = QUERY_ATTRIBUTES
  for (const name of inPath) {
    if (queryAttributes.includes(name)) throw badUri(`the attribute ${name} belongs in the query, after the "?"`)
    if (!pathAttributes.includes(name)) throw badUri(`unknown attribute ${name}`)
  }
  for (const [name, value] of inQuery) {
    if (pathAttributes.includes(name)) throw badUri(`the attribute ${name} belongs in the path, before the "?"`)
    // With a wrong separator, a PIN would become part of the module path, which messages show.
    const [, swallowed] = MISSED_SEPARATOR.exec(value.toString('utf8')) ?? []
    if (swallowed !== undefined) {
      throw badUri(`${name} and ${swallowed} must be separated by "&"`)
    }
  }
}

const MISSED_SEPARATOR = new RegExp(`[?;](${QUERY_ATTRIBUTES.join('|')})=`)

/** The attributes for {@link formatPkcs11Uri}. */
interface KeyLocation {
  readonly token?: Pick<TokenChoice, 'label' | 'serial'>
  /** null for any. */
  readonly object: string | null
  /** Lower-case hex; null for any. */
  readonly id: string | null
  readonly modulePath?: string
}

/** The URI of a key (RFC 7512, 2.3), safe within single quotes in a shell. */
export function formatPkcs11Uri({ token, object, id, modulePath }: KeyLocation): string {
  const attribute = (name: string, value: string | null | undefined) =>
    value === null || value === undefined ? [] : [`${name}=${percentEncoded(Buffer.from(value))}`]
  const idAttribute = id === null ? [] : [`id=${id.replace(/../g, '%$&')}`]
  const path = [
    ...attribute('token', token?.label),
    ...attribute('serial', token?.serial),
    ...attribute('object', object),
    ...idAttribute,
  ]
  const [query = ''] = attribute('module-path', modulePath)
  return `pkcs11:${path.join(';')}${query === '' ? '' : `?${query.replaceAll('%2F', '/')}`}`
}

/** Encodes every octet that is not unreserved (RFC 3986, 2.3). */
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
    if (name === undefined || value === undefined) throw badUri('an attribute is not of the form name=value')
    if (values.has(name)) throw badUri(`duplicate attribute ${name}`)
    values.set(name, percentDecoded(value, name))
  }
  return values
}

/** Decodes to octets, because an id may be any (RFC 7512, 2.3); decodeURIComponent supports only UTF-8. */
function percentDecoded(value: string, name: string): Buffer {
  const whole = value.replace(/%[0-9A-Fa-f]{2}/g, '')
  if (whole.includes('%')) throw badUri(`the value of ${name} contains a "%" without two hex digits`)
  const parts = value.split(/(%[0-9A-Fa-f]{2})/)
  return Buffer.concat(
    parts.map((part) => (part.startsWith('%') ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part))),
  )
}

/** RFC 7512, 2.4: a file, as a path or a `file:` URI. fpki never runs a command (`|…`) from a URI. */
function pinFile(source: string | null): string | null {
  if (source === null) return null
  if (source.startsWith('|')) throw badUri('pin-source commands are not supported')
  const path = source.replace(/^file:(\/\/(localhost)?(?=\/))?/, '')
  if (!path.startsWith('/')) throw badUri('pin-source is not an absolute path')
  return path
}

function badUri(reason: string): FpkiError {
  return new FpkiError(
    'ERR_USAGE',
    `Invalid PKCS#11 URI: ${reason}.`,
    "Example: 'pkcs11:token=acme;object=root-ca?module-path=/usr/lib/softhsm/libsofthsm2.so' (RFC 7512).",
  )
}
