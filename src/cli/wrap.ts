import { stripVTControlCharacters } from 'node:util'

/**
 * Breaks lines that are longer than `columns` between words. Continuation lines are indented like their line or, in a
 * table, like its second column. Commands stay in one piece, so that they work when pasted.
 */
export function wrapLines(text: string, columns: number): string {
  return text
    .split('\n')
    .map((line) => (width(line) <= columns ? line : wrapLine(line, columns)))
    .join('\n')
}

/** Joins the lines of each paragraph that is not indented, so that it can be wrapped to another width. */
export function joinParagraphs(text: string): string {
  return text.replace(/(?<=^\S.*)(?<!:)\n(?=\S)/gm, ' ')
}

/** A command, to the end of the line or to the next column; or a word, in which spaces count between backticks and before `days`. */
const WORDS = /(?:(?<=^\s*|: )(?:\$ )?\(?(?:umask 077; )?fpki (?:(?! {2}).)*|(?:`[^`]*`|\d+ (?=days?\b)|\S)+)/g

function wrapLine(line: string, columns: number): string {
  const { indent, hanging } = indentsOf(line, columns)
  const [first, ...rest] = [...line.matchAll(WORDS)].flatMap(({ 0: word, index }) => {
    const gap = /\s*$/.exec(line.slice(0, index))?.[0] ?? ''
    return piecesOf(word, columns - indent.length).map((text, at) => ({ text, gap: at === 0 ? gap : '' }))
  })
  if (first === undefined) return line
  const lines: string[] = []
  let current = first.gap + first.text
  let margin = indent
  for (const { text, gap } of rest) {
    if (width(current + gap + text) <= columns) current += gap + text
    else {
      lines.push(current)
      // A long name under a narrow second column, and what follows it.
      if (width(margin + text) > columns) margin = hanging
      current = margin + text
    }
  }
  return [...lines, current].join('\n')
}

/**
 * The second column of a table; four more than the line, if that begins in the right half; else that of the line. `hanging` is
 * for words that do not fit there.
 */
function indentsOf(line: string, columns: number): { readonly indent: string; readonly hanging: string } {
  const plain = stripVTControlCharacters(line)
  const second = /^\s*\S+(?: \S+)* {2,}(?=\S)/.exec(plain)?.[0].length ?? Infinity
  const first = /^ */.exec(plain)?.[0].length ?? 0
  const hanging = ' '.repeat(second === Infinity ? first : first + 4)
  return { indent: second <= columns / 2 ? ' '.repeat(second) : hanging, hanging }
}

/** Long fingerprints and serial numbers, `aa:bb:…`, break after a multiple of eight octets. They may be in a colour. */
function piecesOf(word: string, columns: number): readonly string[] {
  const hex = /^\(?((?:[0-9a-f]{2}:){8,}[0-9a-f]{2})[).,:;]*$/i.exec(stripVTControlCharacters(word))?.[1]
  if (width(word) <= columns || hex === undefined) return [word]
  // Two for punctuation around them.
  const octets = Math.max(8, Math.floor((columns - 2) / 3 / 8) * 8)
  const [before = '', after = ''] = word.split(hex)
  const pieces = hex.match(new RegExp(`(?:[0-9a-f]{2}:?){1,${octets}}`, 'gi')) ?? []
  return pieces.map((piece, at) => `${at === 0 ? before : ''}${piece}${at === pieces.length - 1 ? after : ''}`)
}

function width(text: string): number {
  return stripVTControlCharacters(text).length
}
