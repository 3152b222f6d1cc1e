import {
  ANY,
  contentOf,
  type Der,
  isTagged,
  parseDer,
  rawDer,
  readBitString,
  readBoolean,
  readInteger,
  readObjectIdentifier,
  sequenceMembers,
  TAG,
} from './der.js'
import { oidName } from './oids.js'
import { KEY_USAGES, type KeyUsage } from './profiles.js'

/** One extension of a certificate or a request (RFC 5280, 4.1.2.9). */
export interface Extension {
  /** The name from oids.ts, or the dotted identifier. */
  readonly type: string
  readonly critical: boolean
  /** The DER inside extnValue. */
  readonly value: Uint8Array
}

/** The decoded values of the extensions that fpki uses; null for those that are absent. */
export interface ParsedExtensions {
  readonly keyUsage: readonly KeyUsage[] | null
  readonly extKeyUsage: readonly string[] | null
  readonly basicConstraints: { readonly ca: boolean; readonly pathLenConstraint: number | null } | null
  readonly subjectKeyIdentifier: Uint8Array | null
  /** Only the keyIdentifier member. */
  readonly authorityKeyIdentifier: Uint8Array | null
  readonly subjectAltName: readonly GeneralName[] | null
}

/** A GeneralName (RFC 5280, 4.2.1.6). The value of `other` is its DER in hex. */
export interface GeneralName {
  readonly type: 'DNS' | 'IP' | 'URI' | 'email' | 'other'
  readonly value: string
}

/** Parses an Extensions value. Throws a plain Error when it is malformed or contains an extension twice. */
export function readExtensions(value: Der | undefined): readonly Extension[] {
  const extensions = sequenceMembers(value, 1, ANY).map(readExtension)
  const types = new Set(extensions.map(({ type }) => type))
  if (types.size !== extensions.length) throw new Error('it has duplicate extensions')
  return extensions
}

function readExtension(value: Der): Extension {
  const parts = sequenceMembers(value, 2, 3)
  const critical = parts.length === 3
  // DER omits DEFAULT values.
  if (critical && !readBoolean(parts[1])) throw new Error('an extension encodes critical=FALSE, which is not valid DER')
  return {
    type: oidName(readObjectIdentifier(parts[0])),
    critical,
    value: contentOf(parts.at(-1), 'octetString'),
  }
}

/** Decodes the extensions that the profiles use. Throws a plain Error when one is malformed. */
export function parseExtensions(extensions: readonly Extension[]): ParsedExtensions {
  const read = <T>(type: string, decode: (value: Der) => T): T | null => {
    const extension = extensions.find((candidate) => candidate.type === type)
    return extension === undefined ? null : decode(parseDer(extension.value))
  }
  return {
    keyUsage: read('keyUsage', decodeKeyUsage),
    extKeyUsage: read('extKeyUsage', decodeExtKeyUsage),
    basicConstraints: read('basicConstraints', decodeBasicConstraints),
    subjectKeyIdentifier: read('subjectKeyIdentifier', (value) => contentOf(value, 'octetString')),
    authorityKeyIdentifier: read('authorityKeyIdentifier', decodeAuthorityKeyIdentifier),
    subjectAltName: read('subjectAltName', (value) => sequenceMembers(value, 1, ANY).map(decodeGeneralName)),
  }
}

/** Formats a name as OpenSSL does: `DNS:gateway.example`. */
export function formatGeneralName({ type, value }: GeneralName): string {
  return `${type}:${value}`
}

function decodeKeyUsage(value: Der): readonly KeyUsage[] {
  const octets = readBitString(value)
  const usages = KEY_USAGES.filter((_, bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0)
  // RFC 5280, 4.2.1.3: at least one bit must be set.
  if (usages.length === 0) throw new Error('its keyUsage has no bit set')
  return usages
}

function decodeExtKeyUsage(value: Der): readonly string[] {
  return sequenceMembers(value, 1, ANY).map((purpose) => oidName(readObjectIdentifier(purpose)))
}

function decodeBasicConstraints(value: Der): ParsedExtensions['basicConstraints'] {
  const members = sequenceMembers(value, 0, 2)
  const ca = members[0]?.tag === TAG.boolean ? members[0] : undefined
  const [limit, more] = ca === undefined ? members : members.slice(1)
  const pathLenConstraint = limit === undefined ? null : Number(readInteger(limit))
  if (more !== undefined || (pathLenConstraint ?? 0) < 0) throw new Error('its basicConstraints are malformed')
  return { ca: ca !== undefined && readBoolean(ca), pathLenConstraint }
}

/** The keyIdentifier of an authorityKeyIdentifier (RFC 5280, 4.2.1.1); null when absent. */
export function decodeAuthorityKeyIdentifier(value: Der): Uint8Array | null {
  const members = sequenceMembers(value, 0, 3)
  // keyIdentifier, authorityCertIssuer (which is constructed), authorityCertSerialNumber.
  const isMember = ({ tag }: Der) => [0x80, 0xa1, 0x82].includes(tag)
  if (!members.every(isMember)) throw new Error('its authorityKeyIdentifier is malformed')
  return members.find((member) => isTagged(member, 0))?.content ?? null
}

/** The tags of the named types (RFC 5280, 4.2.1.6). */
const NAME_TAGS = { email: 1, DNS: 2, URI: 6, IP: 7 } as const

function decodeGeneralName(value: Der): GeneralName {
  if (isTagged(value, NAME_TAGS.email)) return { type: 'email', value: latin1(value) }
  if (isTagged(value, NAME_TAGS.DNS)) return { type: 'DNS', value: latin1(value) }
  if (isTagged(value, NAME_TAGS.URI)) return { type: 'URI', value: latin1(value) }
  if (isTagged(value, NAME_TAGS.IP)) return { type: 'IP', value: formatAddress(value.content) }
  return { type: 'other', value: Buffer.from(rawDer(value)).toString('hex') }
}

function formatAddress(address: Uint8Array): string {
  if (address.length === 4) return address.join('.')
  return (Buffer.from(address).toString('hex').match(/.{4}/g) ?? []).join(':')
}

function latin1({ content }: Der): string {
  return Buffer.from(content).toString('latin1')
}
