/** A part of a pattern: text of whatever length, one character, or this character. */
type Part = { readonly kind: 'text' | 'one' } | { readonly kind: 'this'; readonly character: string }

/** Whether a name matches; upper and lower case are the same. */
export type NameMatcher = (name: string) => boolean

/** A pattern of file names, as fioctl has it: `*` is any text, `?` any character. */
export function globPattern(pattern: string): NameMatcher {
  return matcher([...pattern].map((character) => partOf(character, '*', '?')))
}

/** A pattern of SQL's LIKE, which older versions of fioctl make of theirs: `%`, `_`, and a backslash before what is meant. */
export function likePattern(pattern: string): NameMatcher {
  const characters = [...pattern]
  const parts: Part[] = []
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? ''
    const escaped = character === '\\' ? characters[at + 1] : undefined
    if (escaped !== undefined) at += 1
    parts.push(escaped === undefined ? partOf(character, '%', '_') : { kind: 'this', character: escaped.toLowerCase() })
  }
  return matcher(parts)
}

function partOf(character: string, text: string, one: string): Part {
  if (character === text) return { kind: 'text' }
  return character === one ? { kind: 'one' } : { kind: 'this', character: character.toLowerCase() }
}

/** Its time is at most the length of the pattern times that of the name; that of a regular expression has no such limit. */
function matcher(parts: readonly Part[]): NameMatcher {
  return (name) => {
    const characters = [...name.toLowerCase()]
    // Whether the parts so far match what is before each position.
    let matches = [true, ...characters.map(() => false)]
    for (const part of parts) {
      matches = after(part, matches, characters)
      if (!matches.includes(true)) return false
    }
    return matches.at(-1) ?? false
  }
}

function after(part: Part, matches: readonly boolean[], characters: readonly string[]): boolean[] {
  if (part.kind === 'text') {
    const first = matches.indexOf(true)
    return matches.map((_, at) => at >= first)
  }
  const isIt = (at: number) => part.kind !== 'this' || part.character === characters[at]
  return matches.map((_, at) => at > 0 && matches[at - 1] === true && isIt(at - 1))
}
