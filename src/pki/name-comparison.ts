import { ANY, type Der, parseDer, rawDer, readObjectIdentifier, sequenceMembers, setMembers } from './der.js'
import { type Name, readString } from './name.js'

/**
 * The form in which names are compared (RFC 5280, 7.1): one text for each RelativeDistinguishedName, prepared as RFC 4518
 * says. Two names are equal when all their texts are, whatever string types they are encoded in.
 */
export function comparableName({ der }: Name): readonly string[] {
  return sequenceMembers(parseDer(der), 0, ANY).map((rdn) =>
    // The order within a SET OF has no meaning.
    JSON.stringify(setMembers(rdn).map(comparableAttribute).sort()),
  )
}

/** Are two names equal by the rules of RFC 5280, 7.1? Software that builds chains takes them for one name then. */
export function equivalentNames(a: Name, b: Name): boolean {
  const [one, other] = [comparableName(a), comparableName(b)]
  return one.length === other.length && startsWith(one, other)
}

/** Is `name` the name `base`, or one below it in the directory (RFC 5280, 7.1)? Both are comparable names. */
export function startsWith(name: readonly string[], base: readonly string[]): boolean {
  return base.every((rdn, index) => rdn === name[index])
}

function comparableAttribute(attribute: Der): string {
  const [type, value] = sequenceMembers(attribute, 2)
  const { value: text, encoding } = readString(value)
  // RFC 5280, 7.1 compares other syntaxes in their encoding.
  const comparable = encoding === 'BIT STRING' ? Buffer.from(rawDer(value)).toString('hex') : preparedString(text)
  return `${readObjectIdentifier(type)}=${comparable}`
}

/** Characters that RFC 4518, 2.2 maps to nothing: they are not seen. */
const IGNORED = /\p{Cc}|\p{Default_Ignorable_Code_Point}|[\ufff9-\ufffc]/gu
/** Characters that it maps to a space. */
const SPACES = /[\s\u0085]+/g

/** RFC 4518, section 2: map, fold the case, normalise (NFKC), and drop spaces that have no meaning. */
function preparedString(text: string): string {
  const mapped = text.replace(SPACES, ' ').replace(IGNORED, '')
  return mapped.normalize('NFKC').toLowerCase().normalize('NFKC').replace(SPACES, ' ').trim()
}
