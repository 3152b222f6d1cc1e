import { parseJson } from '../../../storage/json-file.js'
import { linesOf } from './lines.js'
import { csrInput, type InputRow, inputFrom, MAX_CSR_BYTES, type ReadCsrFile } from './model.js'

/** JSON lines: an object a line, with the members of CSV's columns, or AWS's ThingName, SerialNumber and CSR. */
export async function* jsonLines(
  source: AsyncIterable<Uint8Array>,
  what: string,
  readCsrFile: ReadCsrFile,
): AsyncGenerator<InputRow> {
  for await (const { number, text } of linesOf(source, what, 2 * MAX_CSR_BYTES)) {
    const at = `line ${number}`
    if (text === null) yield { at, problem: 'the line is too long' }
    else if (text.trim() !== '') yield await jsonLine(text, at, readCsrFile)
  }
}

async function jsonLine(text: string, at: string, readCsrFile: ReadCsrFile): Promise<InputRow> {
  try {
    return await inputFrom(parseJson(text), at, readCsrFile)
  } catch {
    return { at, problem: 'it is not a JSON object' }
  }
}

/** A list of UUIDs, one a line; lines that begin with # are comments. */
export async function* uuidList(source: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<InputRow> {
  for await (const { number, text } of linesOf(source, what, 256)) {
    const at = `line ${number}`
    if (text === null) yield { at, problem: 'the line is too long' }
    else if (text.trim() !== '' && !text.startsWith('#')) yield { ...csrInput('', at), csr: null, uuid: text.trim() }
  }
}

const BEGIN = /^-----BEGIN (NEW )?CERTIFICATE REQUEST-----\s*$/
const END = /^-----END (NEW )?CERTIFICATE REQUEST-----\s*$/

/** Concatenated PEM requests; text between them is ignored, as OpenSSL prints it. */
export async function* pemRequests(source: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<InputRow> {
  let begun: { readonly at: string; readonly lines: string[]; length: number } | null = null
  for await (const { number, text } of linesOf(source, what, MAX_CSR_BYTES)) {
    const content: string = text ?? ''
    if (BEGIN.test(content)) {
      if (begun !== null) yield { at: begun.at, problem: 'the request has no end' }
      begun = { at: `line ${number}`, lines: [], length: 0 }
    }
    if (begun === null) continue
    begun.length += content.length
    if (begun.length <= MAX_CSR_BYTES) begun.lines.push(content)
    if (!END.test(content)) continue
    yield begun.length > MAX_CSR_BYTES
      ? { at: begun.at, problem: 'the request is too large' }
      : csrInput(`${begun.lines.join('\n')}\n`, begun.at)
    begun = null
  }
  if (begun !== null) yield { at: begun.at, problem: 'the request has no end' }
}
