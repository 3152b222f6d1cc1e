import { ANY, type Der, parseDer, rawDer, readObjectIdentifier, sequenceMembers, setMembers } from './der.js'
import { type Name, readString } from './name.js'

/**
 * The form in which names are compared (RFC 5280, 7.1): one string for each RelativeDistinguishedName, prepared as in
 * RFC 4518, so that string types do not matter.
 */
export function comparableName({ der }: Name): readonly string[] {
  return sequenceMembers(parseDer(der), 0, ANY).map((rdn) =>
    // The order within a SET OF has no meaning.
    JSON.stringify(setMembers(rdn).map(comparableAttribute).sort()),
  )
}

/** Whether two names are equal by the rules of RFC 5280, 7.1, which path building uses. */
export function equivalentNames(a: Name, b: Name): boolean {
  const [one, other] = [comparableName(a), comparableName(b)]
  return one.length === other.length && startsWith(one, other)
}

/** Whether the comparable name `name` is within the subtree `base` (RFC 5280, 7.1). */
export function startsWith(name: readonly string[], base: readonly string[]): boolean {
  return base.every((rdn, index) => rdn === name[index])
}

function comparableAttribute(attribute: Der): string {
  const [type, value] = sequenceMembers(attribute, 2)
  const { value: text, encoding } = readString(value)
  // RFC 5280, 7.1 compares other syntaxes by their encoding.
  const comparable = encoding === 'BIT STRING' ? Buffer.from(rawDer(value)).toString('hex') : preparedString(text)
  return `${readObjectIdentifier(type)}=${comparable}`
}

/** Characters that RFC 4518, 2.2 maps to nothing. */
const IGNORED = /\p{Cc}|\p{Default_Ignorable_Code_Point}|[\ufff9-\ufffc]/gu
/** Characters that it maps to a space. */
const SPACES = /[\s\u0085]+/g

/** RFC 4518, section 2: map, fold case, normalize (NFKC), and remove insignificant spaces. */
function preparedString(text: string): string {
  const mapped = text.replace(SPACES, ' ').replace(IGNORED, '')
  return mapped.normalize('NFKC').toLowerCase().normalize('NFKC').replace(SPACES, ' ').trim()
}
