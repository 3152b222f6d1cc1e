import { ANY, type Der, isTagged, parseDer, readObjectIdentifier, sequenceMembers, TAG, taggedMembers } from '../der.js'
import { der } from '../der-write.js'
import { formatName, type Name, readName } from '../name.js'
import { comparableName } from '../name-comparison.js'
import type { TbsCertificate } from '../read-certificate.js'

/** A GeneralName (RFC 5280, 4.2.1.6) for name constraints. `IP` in a constraint is an address and a mask. */
export type ConstrainedName =
  | { readonly form: 'dirName'; readonly rdns: readonly string[]; readonly words: string }
  | { readonly form: 'DNS' | 'email' | 'URI'; readonly text: string }
  | { readonly form: 'IP'; readonly octets: Uint8Array }
  /** A form that fpki cannot compare. `kind` is its tag, or the type of an otherName. */
  | { readonly form: 'other'; readonly kind: string }

/** Internationalized mailboxes (RFC 8398), to which e-mail constraints apply too. */
const SMTP_UTF8_MAILBOX = '1.3.6.1.5.5.7.8.9'

/** Parses a GeneralName. Throws a plain Error. */
export function readConstrainedName(value: Der): ConstrainedName {
  if (isTagged(value, 1)) return { form: 'email', text: latin1(value) }
  if (isTagged(value, 2)) return { form: 'DNS', text: latin1(value) }
  if (isTagged(value, 6)) return { form: 'URI', text: latin1(value) }
  if (isTagged(value, 7)) return { form: 'IP', octets: value.content }
  if (value.tag === 0xa4) return directoryName(readName(taggedMembers(value, 4, 1)[0]))
  return { form: 'other', kind: value.tag === 0xa0 ? otherNameKind(value) : `[${value.tag & 0x1f}]` }
}

/** A directoryName. */
export function directoryName(name: Name): ConstrainedName {
  return { form: 'dirName', rdns: comparableName(name), words: formatName(name) }
}

/** The names of subjectAltName. Throws a plain Error when it is malformed. */
export function alternativeNames({ extensions }: Pick<TbsCertificate, 'extensions'>): readonly ConstrainedName[] {
  const extension = extensions.find(({ type }) => type === 'subjectAltName')
  return extension === undefined ? [] : sequenceMembers(parseDer(extension.value), 1, ANY).map(readConstrainedName)
}

/** Formats a name for messages: `DNS:gw.example`. */
export function formatConstrainedName(name: ConstrainedName): string {
  switch (name.form) {
    case 'dirName':
      return `dirName:${name.words}`
    case 'IP':
      return `IP:${formatAddresses(name.octets)}`
    case 'other':
      return name.kind
    default:
      return `${name.form}:${name.text}`
  }
}

function otherNameKind(value: Der): string {
  const [type] = sequenceMembers(parseDer(der(TAG.sequence, value.content)), 2)
  const kind = readObjectIdentifier(type)
  return kind === SMTP_UTF8_MAILBOX ? 'SmtpUTF8Mailbox' : `otherName ${kind}`
}

/** An address, or an address and its mask. */
function formatAddresses(octets: Uint8Array): string {
  const half = octets.length / 2
  if (octets.length === 8 || octets.length === 32)
    return `${formatAddress(octets.subarray(0, half))}/${formatAddress(octets.subarray(half))}`
  return formatAddress(octets)
}

function formatAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.')
  return (
    Buffer.from(octets)
      .toString('hex')
      .match(/.{1,4}/g) ?? []
  ).join(':')
}

function latin1({ content }: Der): string {
  return Buffer.from(content).toString('latin1')
}
