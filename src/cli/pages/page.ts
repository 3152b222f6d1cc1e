/** The documentation of one command, as `--help` has it. */
export interface Page {
  /** `['fpki', 'ca', 'create']` */
  readonly words: readonly string[]
  /** `fpki-ca-create` */
  readonly name: string
  /** One phrase, without a period. */
  readonly summary: string
  /** `fpki ca create [options] <directory>` */
  readonly usage: string
  /** The sections that are not empty. */
  readonly sections: readonly Section[]
}

/** In the order in which they are shown. */
export type SectionTitle =
  | 'Description'
  | 'Commands'
  | 'Arguments'
  | 'Options'
  | 'Common options'
  | 'Exit status'
  | 'Examples'
  | 'See also'

export interface Section {
  readonly title: SectionTitle
  readonly blocks: readonly Block[]
}

/** A term (an option, an argument, a command) and its meaning. */
export type Row = readonly [term: string, meaning: string]

/** `text` is filled, `code` is shown line by line. */
export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'code'; readonly lines: readonly string[] }
  | { readonly kind: 'terms'; readonly rows: readonly Row[] }
  | { readonly kind: 'pages'; readonly names: readonly string[] }

/** Whether a line of code is a command to type, rather than a row of a table. */
export function isCommand(line: string): boolean {
  return /^(\$ |fpki )/.test(line)
}

/** Capitalises the first word, unless it is a literal such as `online-ca` or `tls-crt`. */
export function capitalize(text: string): string {
  return /^[a-z]+(?=[\s,;:.]|$)/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text
}

/** Capitalises `text` and ends it with a period. */
export function sentence(text: string): string {
  return `${capitalize(text).replace(/\.$/, '')}.`
}
