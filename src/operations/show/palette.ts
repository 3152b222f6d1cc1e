import type { CertificateState } from './hierarchy.js'

/** The colours of pictures and reports, each readable on `paper` and on `box` (a contrast of at least 4.5). */
export interface Palette {
  readonly paper: string
  readonly box: string
  readonly text: string
  readonly muted: string
  /** Lines and borders, which are no text. */
  readonly line: string
  readonly states: Readonly<Record<CertificateState, string>>
}

/** On white. */
export const LIGHT: Palette = {
  paper: '#ffffff',
  box: '#f6f8fa',
  text: '#1b1f24',
  muted: '#4d5660',
  line: '#8c959f',
  states: {
    valid: '#116329',
    'not-yet-valid': '#0550ae',
    expiring: '#7a4a00',
    expired: '#a40e26',
    disabled: '#6639ba',
    revoked: '#82071e',
    unverified: '#99286e',
  },
}

/** For screens whose user prefers it. */
export const DARK: Palette = {
  paper: '#0d1117',
  box: '#161b22',
  text: '#e6edf3',
  muted: '#a9b3bd',
  line: '#6e7681',
  states: {
    valid: '#56d364',
    'not-yet-valid': '#79c0ff',
    expiring: '#e3b341',
    expired: '#ff7b72',
    disabled: '#d2a8ff',
    revoked: '#ffa198',
    unverified: '#ff9bce',
  },
}

/**
 * The mark of each state as paths in a square of 14 units, so that nobody needs to see colours or have a font: a tick, a
 * clock, a warning triangle, a cross, a pause sign, a barred circle, a question mark.
 */
export const MARKS: Readonly<Record<CertificateState, string>> = {
  valid: 'M1.5 7.5 5.5 11.5 12.5 3',
  'not-yet-valid': 'M7 1a6 6 0 1 0 .01 0M7 3.5V7L9.5 9',
  expiring: 'M7 1.5 13 12.5H1ZM7 5.5V8.8M7 10.2V10.9',
  expired: 'M2 2 12 12M12 2 2 12',
  disabled: 'M4.5 2V12M9.5 2V12',
  revoked: 'M7 1a6 6 0 1 0 .01 0M2.8 11.2 11.2 2.8',
  unverified: 'M3.8 4.6a3.2 3.2 0 1 1 4.6 2.8Q7 8.1 7 9.5M7 12V12.1',
}

/** Dashes of a box's border: unbroken for what is in use. */
const DASHES: Partial<Record<CertificateState, string>> = {
  disabled: '6 3',
  revoked: '2 3',
  expired: '9 3 2 3',
  unverified: '2 6',
}

/** CSS of pictures, in both colour schemes. Printed on paper, they are light. */
export function pictureStyle(): string {
  const dashes = Object.entries(DASHES).map(([state, dash]) => `.k-box.k-${state}{stroke-dasharray:${dash}}`)
  return [
    '.k-text{font-family:"DejaVu Sans","Liberation Sans",Arial,sans-serif}',
    '.k-line{fill:none;stroke-width:1.5}',
    '.k-box{stroke-width:1.5}',
    '.k-mark{fill:none;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}',
    ...dashes,
    colours(LIGHT),
    `@media screen and (prefers-color-scheme:dark){${colours(DARK)}}`,
  ].join('\n')
}

function colours({ paper, box, text, muted, line, states }: Palette): string {
  const ofState = Object.entries(states).map(
    ([state, colour]) =>
      `.k-state.k-${state}{fill:${colour}}.k-mark.k-${state},.k-box.k-${state}{stroke:${colour}}.k-bar.k-${state}{fill:${colour}}`,
  )
  return [
    `.k-paper{fill:${paper}}.k-box{fill:${box};stroke:${line}}.k-line{stroke:${line}}.k-rest{fill:${line}}`,
    `.k-name{fill:${text}}.k-muted{fill:${muted}}`,
    ...ofState,
  ].join('')
}
