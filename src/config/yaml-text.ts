import { type Document, parseDocument } from 'yaml'

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
  const document = checked(parseDocument(text, { schema: 'failsafe', strict: true, logLevel: 'silent' }))
  return orBad(() => document.toJS())
}

/** Changes single places; comments and all else stay as they are. Throws {@link BadYaml}. */
export function changeYaml(text: string, edits: readonly YamlEdit[]): string {
  const document = checked(parseDocument(text, { logLevel: 'silent' }))
  for (const [place, value] of edits) {
    if (value !== null) orBad(() => document.setIn(place, value))
    else if (document.hasIn(place)) document.deleteIn(place)
  }
  return document.toString({ lineWidth: 0 })
}

function checked<T extends Document.Parsed>(document: T): T {
  const [error] = document.errors
  if (error !== undefined) throw new BadYaml(error.linePos?.[0].line ?? null)
  return document
}

/** The library refuses what grows without bounds, and places below what is no map. */
function orBad<T>(work: () => T): T {
  try {
    return work()
  } catch {
    throw new BadYaml(null)
  }
}
