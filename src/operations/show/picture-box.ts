import { counted } from '../../counted.js'
import { dateOf } from '../../day.js'
import { escapeMarkup } from '../../printable.js'
import { type HierarchyCertificate, type HierarchyLine, stateText } from './hierarchy.js'
import { MARKS } from './palette.js'
import { fitLines, needsForcedWidth, shownText, widthOf } from './picture-text.js'

/** The boxes of a picture. Everything is in CSS pixels. */
export const BOX = { width: 232, height: 116, pad: 10 } as const
/** The boxes of lines. */
export const LINE_BOX = { indent: 16, height: 40, gap: 6 } as const

interface Place {
  readonly x: number
  readonly y: number
}

interface TextStyle extends Place {
  readonly size: number
  /** Classes of pictureStyle(). */
  readonly of: string
  readonly isBold?: boolean
  /** How wide it may be. */
  readonly width: number
  readonly isRightAligned?: boolean
}

/** One line of text, cut off where it would leave its width. */
function textElement(content: string, { x, y, size, of, width, isBold = false, isRightAligned = false }: TextStyle) {
  const [shown = ''] = fitLines(content, { size, width, count: 1 })
  if (shown === '') return ''
  const forced = needsForcedWidth(shown)
    ? ` textLength="${round(widthOf(shown, size))}" lengthAdjust="spacingAndGlyphs"`
    : ''
  const weight = isBold ? ' font-weight="bold"' : ''
  const anchor = isRightAligned ? ' text-anchor="end"' : ''
  return `<text class="${of}" x="${x}" y="${y}" font-size="${size}"${weight}${anchor}${forced}>${escapeMarkup(shown)}</text>`
}

/** The box of a certificate: mark, name, subject, state and validity. The full text of all of it is its title. */
export function certificateBox(certificate: HierarchyCertificate, at: Date, { x, y }: Place): string {
  const { name, subject, state, notBefore, notAfter } = certificate
  const left = x + BOX.pad
  const width = BOX.width - 2 * BOX.pad
  const right = left + width
  const subjectLines = fitLines(subject, { size: 11, width, count: 2 })
  return [
    '<g>',
    `<title>${escapeMarkup(shownText(fullText(certificate)))}</title>`,
    `<rect class="k-box k-${state}" x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/>`,
    mark(state, { x: left, y: y + 9 }),
    textElement(name, { x: left + 20, y: y + 21, size: 13, of: 'k-name', isBold: true, width: width - 20 }),
    ...subjectLines.map((line, at) =>
      textElement(line, { x: left, y: y + 39 + 14 * at, size: 11, of: 'k-muted', width }),
    ),
    textElement(stateText(certificate), {
      x: left,
      y: y + 72,
      size: 11,
      of: `k-state k-${state}`,
      isBold: true,
      width,
    }),
    validityBar(certificate, at, { x: left, y: y + 82, width }),
    textElement(dateOf(notBefore), { x: left, y: y + 106, size: 10, of: 'k-muted', width: width / 2 }),
    textElement(dateOf(notAfter), {
      ...{ x: right, y: y + 106, size: 10, of: 'k-muted', width: width / 2 },
      isRightAligned: true,
    }),
    '</g>',
  ].join('\n')
}

/** The box of a line of the device register, or of what is said in place of some. */
export function lineBox({ title, note, x, y }: Place & { readonly title: string; readonly note: string }): string {
  const width = BOX.width - LINE_BOX.indent
  const text = { x: x + 8, width: width - 16 }
  return [
    '<g>',
    `<title>${escapeMarkup(shownText(`${title}: ${note}`))}</title>`,
    `<rect class="k-box" x="${x}" y="${y}" width="${width}" height="${LINE_BOX.height}" rx="4"/>`,
    textElement(title, { ...text, y: y + 16, size: 11, of: 'k-name', isBold: true }),
    textElement(note, { ...text, y: y + 31, size: 10, of: 'k-muted' }),
    '</g>',
  ].join('\n')
}

/** What the box of a line says. */
export function lineText({ devices, state }: HierarchyLine): string {
  const count = counted(devices, 'device')
  return state === 'open' ? count : `${count}, ${state.toUpperCase()}`
}

/** The mark of a state, 14 pixels wide and high. */
function mark(state: HierarchyCertificate['state'], { x, y }: Place): string {
  return `<path class="k-mark k-${state}" transform="translate(${x} ${y})" d="${MARKS[state]}"/>`
}

/** How much of a lifetime is over, as a bar. */
function validityBar(certificate: HierarchyCertificate, at: Date, { x, y, width }: Place & { readonly width: number }) {
  const [begin, end] = [Date.parse(certificate.notBefore), Date.parse(certificate.notAfter)]
  const share = end > begin ? Math.min(1, Math.max(0, (at.getTime() - begin) / (end - begin))) : 1
  const over = round(width * share)
  return [
    `<rect class="k-rest" x="${x}" y="${y + 2}" width="${width}" height="2"/>`,
    `<rect class="k-bar k-${certificate.state}" x="${x + over}" y="${y}" width="${round(width - over)}" height="6" rx="2"/>`,
  ].join('')
}

function fullText(certificate: HierarchyCertificate): string {
  const { name, subject, serialHex, fingerprint, notBefore, notAfter } = certificate
  return `${name}: ${subject}; serial ${serialHex}; SHA-256 ${fingerprint}; ${notBefore} to ${notAfter}; ${stateText(certificate)}`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
