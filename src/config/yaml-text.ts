import { type Document, isScalar, parse, parseDocument, Scalar } from 'yaml'

/** A path in a YAML file and its new value; null to remove it. */
export type YamlEdit = readonly [path: readonly string[], value: string | number | null]

/** An error in a YAML text, without any of its content. */
class BadYaml extends Error {
  /** null when unknown. */
  readonly line: number | null

  constructor(line: number | null) {
    super('invalid YAML')
    this.line = line
  }
}

/** Parses a YAML text with every scalar as a string. Throws {@link BadYaml}. */
export function parseYaml(text: string): unknown {
  const document = documentOf(text)
  return orBadYaml(() => document.toJS())
}

/** Applies edits, keeping comments and everything else. Throws {@link BadYaml}. */
export function changeYaml(text: string, edits: readonly YamlEdit[]): string {
  const document = documentOf(text)
  return orBadYaml(() => {
    // Detects unresolved aliases and bad anchors before editing.
    document.toJS()
    for (const [place, value] of edits) {
      if (value !== null) setScalar(document, place, value)
      else if (document.hasIn(place)) document.deleteIn(place)
    }
    return document.toString({ lineWidth: 0 })
  })
}

/** Parses every scalar as a string: a client id such as 0012 or 12e4567 would otherwise become 12 or .inf. */
function documentOf(text: string): Document.Parsed {
  return checked(parseDocument(text, { schema: 'failsafe', strict: true, logLevel: 'silent' }))
}

/** Changes the existing scalar to keep its comment, and quotes strings that other parsers would read as another type. */
function setScalar(document: Document, place: readonly string[], value: string | number): void {
  const existing = document.getIn(place, true)
  const scalar = isScalar(existing) ? existing : new Scalar('')
  scalar.value = String(value)
  if (typeof value === 'number') scalar.type = 'PLAIN'
  else if (!isPlainText(value)) scalar.type = 'QUOTE_DOUBLE'
  if (scalar !== existing) document.setIn(place, scalar)
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

/** Converts errors of the library, such as for alias bombs and paths below a scalar. */
function orBadYaml<T>(work: () => T): T {
  try {
    return work()
  } catch {
    throw new BadYaml(null)
  }
}
