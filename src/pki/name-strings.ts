import type { Name, NameAttribute } from './name.js'

/** The upper bounds of RFC 5280, appendix A.1, in characters. */
const MAX_CHARACTERS: ReadonlyMap<string, number> = new Map([
  ['CN', 64],
  ['O', 64],
  ['OU', 64],
  ['title', 64],
  ['serialNumber', 64],
  ['L', 128],
  ['ST', 128],
  ['pseudonym', 128],
  ['emailAddress', 255],
])

/** The characters of each string type (X.680, 41) that all parsers agree on. */
const CHARACTERS: Readonly<Record<string, RegExp>> = {
  UTF8String: /^/,
  PrintableString: /^[A-Za-z0-9 '()+,./:=?-]*$/,
  NumericString: /^[0-9 ]*$/,
  IA5String: /^[\x00-\x7f]*$/,
  // Beyond ASCII, some parsers read Latin-1 and some UTF-8.
  TeletexString: /^[\x00-\x7f]*$/,
  BMPString: /^[^\ud800-\udfff]*$/,
}

/** The largest arc of an object identifier that Go parses. */
const MAX_ARC = 2n ** 31n - 1n

/**
 * Why OpenSSL, Go and Python would disagree about the strings of a name, or reject it (RFC 5280, 4.1.2.4 and appendix A.1);
 * null when they agree.
 */
export function nameProblem({ attributes }: Name): string | null {
  const problems = attributes.flatMap((attribute) => attributeProblem(attribute) ?? [])
  return problems[0] ?? null
}

function attributeProblem({ type, value, encoding }: NameAttribute): string | null {
  const characters = CHARACTERS[encoding]
  if (type.split('.').some((arc) => /^\d{10,}$/.test(arc) && BigInt(arc) > MAX_ARC))
    return `the attribute type ${type} contains a number above ${MAX_ARC}, which many programs cannot read`
  if (characters === undefined) return `${type} is a ${encoding}, which many programs cannot read`
  const shown = JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value)
  if (!characters.test(value)) return `${type} is not a valid ${encoding}: ${shown}`
  if (value === '') return `${type} is empty`
  if (/\p{Cc}/u.test(value)) return `${type} contains a control character: ${shown}`
  const size = [...value].length
  if (type === 'C' && size !== 2) return `C is ${shown}, but a country code has exactly 2 characters`
  const limit = MAX_CHARACTERS.get(type)
  return limit !== undefined && size > limit ? `${type} has ${size} characters; at most ${limit} are allowed` : null
}
