import { printable } from '../../printable.js'

/** Untrusted text for people: without unprintable characters, and without towers of combining marks. */
export function shownText(text: string): string {
  return printable(text).replace(/(\p{M}{2})\p{M}+/gu, '$1')
}

/** Kinds of characters, and the width of the widest of each kind in ems of a wide bold font (DejaVu Sans Bold). */
const WIDTHS: readonly (readonly [characters: RegExp, ems: number])[] = [
  [/^[ ijlI.,:;'|!()[\]{}/\\`]$/, 0.48],
  [/^[mwMW@%]$/, 1.12],
  [/^[a-z0-9$?*"_^-]$/, 0.74],
  [/^[\x20-\x7e]$/, 0.9],
  [/^[\u00a0-\u024f…–·]$/, 1.12],
  [/^\p{M}$/u, 0.3],
  [/^[\u3000-\u9fff\uac00-\ud7af]$/, 1.05],
]

/** Emoji, and whatever a font may have. The width of other scripts than Latin is forced, see {@link needsForcedWidth}. */
const WIDEST = 1.3

/** An upper bound of the width of a text, without looking at a font. */
export function widthOf(text: string, size: number): number {
  return Array.from(text).reduce((sum, character) => sum + size * emsOf(character), 0)
}

function emsOf(character: string): number {
  return WIDTHS.find(([characters]) => characters.test(character))?.[1] ?? WIDEST
}

/** Whether a text has characters whose width depends on the fonts of the viewer. */
export function needsForcedWidth(text: string): boolean {
  return /[^\x20-\x7e\u00a0-\u024f…–·]/.test(text)
}

const GRAPHEMES = new Intl.Segmenter('en', { granularity: 'grapheme' })

/**
 * Breaks a text into at most `count` lines that are no wider than `width`, after spaces where there are some. What is left over
 * is cut off, with an ellipsis.
 */
export function fitLines(text: string, { size, width, count }: { size: number; width: number; count: number }) {
  const lines: string[] = []
  let rest = shownText(text).trim()
  while (rest !== '' && lines.length < count) {
    const isLast = lines.length === count - 1
    const line = isLast ? fitLine(rest, size, width) : firstLine(rest, size, width)
    lines.push(line.trimEnd())
    rest = rest.slice(line.length).trimStart()
    if (isLast) break
  }
  return lines
}

function fitLine(text: string, size: number, width: number): string {
  if (widthOf(text, size) <= width) return text
  return `${prefixWithin(text, size, width - widthOf('…', size)).trimEnd()}…`
}

function firstLine(text: string, size: number, width: number): string {
  const prefix = prefixWithin(text, size, width)
  if (prefix.length === text.length) return prefix
  const space = prefix.lastIndexOf(' ')
  return space > prefix.length / 3 ? prefix.slice(0, space + 1) : prefix
}

/** As many whole characters, as a person counts them, as fit; at least one. */
function prefixWithin(text: string, size: number, width: number): string {
  let prefix = ''
  for (const { segment } of GRAPHEMES.segment(text)) {
    if (prefix !== '' && widthOf(prefix + segment, size) > width) break
    prefix += segment
  }
  return prefix
}
