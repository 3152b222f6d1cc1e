import { type Document, isScalar, parse, parseDocument, Scalar } from 'yaml'

/** A place in a YAML file and what is to stand there; null: nothing. */
export type YamlEdit = readonly [path: readonly string[], value: string | number | null]

/** What is wrong with a YAML text; never what stands there. */
export class BadYaml extends Error {
  /** null: nobody can say. */
  readonly line: number | null

  constructor(line: number | null) {
    super('not the YAML of a configuration')
    this.line = line
  }
}

/** What a YAML text holds, every scalar as the text that it was written as. Throws {@link BadYaml}. */
export function parseYaml(text: string): unknown {
  const document = documentOf(text)
  return orBadYaml(() => document.toJS())
}

/** Changes single places; comments and all else stay as they are. Throws {@link BadYaml}. */
export function changeYaml(text: string, edits: readonly YamlEdit[]): string {
  const document = documentOf(text)
  return orBadYaml(() => {
    // What cannot be read is not edited: an unresolved alias or a bad anchor shows only here.
    document.toJS()
    for (const [place, value] of edits) {
      if (value !== null) setScalar(document, place, value)
      else if (document.hasIn(place)) document.deleteIn(place)
    }
    return document.toString({ lineWidth: 0 })
  })
}

/** Every scalar is a text: as a number, a client id such as 0012 or 12e4567 would come back as 12 or .inf. */
function documentOf(text: string): Document.Parsed {
  return checked(parseDocument(text, { schema: 'failsafe', strict: true, logLevel: 'silent' }))
}

/** In the scalar that is there, whose comment stays. A text that other readers take for something else is quoted. */
function setScalar(document: Document, place: readonly string[], value: string | number): void {
  const there = document.getIn(place, true)
  const scalar = isScalar(there) ? there : new Scalar('')
  scalar.value = String(value)
  if (typeof value === 'number') scalar.type = 'PLAIN'
  else if (!isPlainText(value)) scalar.type = 'QUOTE_DOUBLE'
  if (scalar !== there) document.setIn(place, scalar)
}

function isPlainText(value: string): boolean {
  try {
    return parse(value, { logLevel: 'silent' }) === value
  } catch {
    return false
  }
}

function checked<T extends Document.Parsed>(document: T): T {
  const [error] = document.errors
  if (error !== undefined) throw new BadYaml(error.linePos?.[0].line ?? null)
  return document
}

/** The library refuses what grows without bounds, and places below what is no map. */
function orBadYaml<T>(work: () => T): T {
  try {
    return work()
  } catch {
    throw new BadYaml(null)
  }
}
