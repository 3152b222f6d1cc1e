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

/** A command, to the end of the line or to the next column; or a word, in which spaces between backticks count too. */
const WORDS = /(?:(?<=^\s*|: )(?:\$ )?\(?(?:umask 077; )?fpki (?:(?! {2}).)*|(?:`[^`]*`|\S)+)/g

function wrapLine(line: string, columns: number): string {
  const indent = indentOf(line, columns)
  const [first, ...rest] = [...line.matchAll(WORDS)].flatMap(({ 0: word, index }) => {
    const gap = /\s*$/.exec(line.slice(0, index))?.[0] ?? ''
    return piecesOf(word, columns - indent.length).map((text, at) => ({ text, gap: at === 0 ? gap : '' }))
  })
  if (first === undefined) return line
  const lines: string[] = []
  let current = first.gap + first.text
  for (const { text, gap } of rest) {
    if (width(current + gap + text) <= columns) current += gap + text
    else {
      lines.push(current)
      current = indent + text
    }
  }
  return [...lines, current].join('\n')
}

/** The second column of a table; four more than the line, if that begins in the right half; else that of the line. */
function indentOf(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line)
  const second = /^\s*\S+(?: \S+)* {2,}(?=\S)/.exec(plain)?.[0].length ?? Infinity
  const first = /^ */.exec(plain)?.[0].length ?? 0
  if (second === Infinity) return ' '.repeat(first)
  return ' '.repeat(second <= columns / 2 ? second : first + 4)
}

/** Long fingerprints, `aa:bb:…`, break after a multiple of eight octets. */
function piecesOf(word: string, columns: number): readonly string[] {
  if (width(word) <= columns || !/^(?:[0-9a-f]{2}:)+[0-9a-f]{2}$/i.test(word)) return [word]
  const octets = Math.max(8, Math.floor(columns / 3 / 8) * 8)
  return word.match(new RegExp(`.{1,${octets * 3}}`, 'g')) ?? [word]
}

function width(text: string): number {
  return stripVTControlCharacters(text).length
}
