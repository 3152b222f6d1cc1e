import { escapeCharacters, printable } from '../../printable.js'

/**
 * What chat systems and calendars turn into markup, mentions and links wherever it is. Other characters of Markdown, such as
 * the `_` of file names, are harmless because messages are sent as plain text or code.
 */
const MARKUP = /[<>&@`]|\/(?=\/)|(?<=\/)\/|(?<=www)\./giu

/** The most characters of a name in a message. */
const MAX_LENGTH = 100

/** An untrusted name for a chat message or a calendar: shortened, with unprintable characters and markup escaped. */
export function harmless(name: string): string {
  const characters = Array.from(name)
  const short = characters.length > MAX_LENGTH ? `${characters.slice(0, MAX_LENGTH).join('')}…` : name
  return escapeCharacters(printable(short), MARKUP)
}
