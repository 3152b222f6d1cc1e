/** The nesting of a registration: overrides, section, key. */
const MAX_DEPTH = 4

/** In a text that is valid JSON: a name, any other string, or what opens or closes a value. */
const TOKEN = /("[^"\\]*(?:\\.[^"\\]*)*")\s*:|"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]/g

/** Names that are no members of a registration, and that mean something to JavaScript. */
const NEVER: readonly string[] = ['__proto__', 'constructor', 'prototype']

/** What a body says; or why it is refused, as a clause. */
export type StrictJson = { readonly value: unknown } | { readonly problem: string }

/**
 * Reads JSON that means the same to every reader: UTF-8, each member once (RFC 8259, 4), not nested deeply, and no name that
 * JavaScript gives a meaning.
 */
export function readStrictJson(octets: Uint8Array): StrictJson {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(octets)
    const value: unknown = JSON.parse(text)
    const problem = structureProblem(text)
    return problem === null ? { value } : { problem }
  } catch {
    // Its error would quote the body.
    return { problem: 'it is not valid JSON' }
  }
}

/** What is wrong with a text that JSON.parse accepts, as a clause; null: nothing. */
function structureProblem(text: string): string | null {
  const open: Set<string>[] = []
  for (const [token, name] of text.matchAll(TOKEN)) {
    if ('{['.includes(token)) open.push(new Set())
    if ('}]'.includes(token)) open.pop()
    if (open.length > MAX_DEPTH) return 'it is nested too deeply'
    const problem = name === undefined ? null : nameProblem(nameIn(name), open.at(-1) ?? new Set())
    if (problem !== null) return problem
  }
  return null
}

/** The name that a JSON string is: most have no escapes. */
function nameIn(string: string): string {
  return string.includes('\\') ? JSON.parse(string) : string.slice(1, -1)
}

function nameProblem(name: string, names: Set<string>): string | null {
  if (NEVER.includes(name)) return 'it has a member with a reserved name'
  if (names.has(name)) return 'it has a member twice'
  names.add(name)
  return null
}
