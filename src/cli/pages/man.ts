import { VERSION } from '../../version.js'
import { type CommandPage, exitCodes, isVerbatim, type Paragraph, type Row, remarksOf } from './commands.js'

/** The manual pages (man(7)), each with the name of its file: `fpki.1`, `fpki-ca-create.1`, … */
export function manPages(pages: readonly CommandPage[]): readonly (readonly [file: string, content: string])[] {
  const names = pages.map(nameOf)
  return pages.map((page, at) => {
    const others = names.filter((_, other) => other !== at && isNear(page, pages[other]))
    return [`${names[at]}.1`, manPage(page, exitCodes(pages), others)]
  })
}

function manPage(page: CommandPage, codes: string, others: readonly string[]): string {
  const name = nameOf(page)
  return [
    `.TH ${roff(name.toUpperCase())} 1 "" "fpki ${VERSION}" "fpki"`,
    ...section('NAME', [`${roff(name)} \\- ${roff(page.description.replace(/\.$/, ''))}`]),
    ...section('SYNOPSIS', ['.nh', `\\fB${roff(page.words.join(' '))}\\fR${synopsisOf(page)}`, '.hy']),
    ...section('DESCRIPTION', [sentence(page.description), ...remarksOf(page).flatMap(paragraph)]),
    ...section('COMMANDS', page.commands.flatMap(tagged)),
    ...section('ARGUMENTS', page.arguments.flatMap(tagged)),
    ...section('OPTIONS', page.options.flatMap(tagged)),
    ...section('COMMON OPTIONS', page.commonOptions.flatMap(tagged)),
    ...section('EXIT STATUS', [roff(sentenceCase(codes))]),
    ...section('EXAMPLES', page.examples.flatMap(paragraph)),
    ...section('SEE ALSO', ['.nh', others.map((other) => `\\fB${roff(other)}\\fR(1)`).join(', ')]),
    '',
  ].join('\n')
}

/** The commands one level above and below, and the program. */
function isNear({ words }: CommandPage, other: CommandPage | undefined): boolean {
  const longer = (other?.words.length ?? 0) > words.length ? (other?.words ?? []) : words
  const shorter = longer === words ? (other?.words ?? []) : words
  const isAbove = shorter.every((word, at) => word === longer[at])
  return isAbove && (longer.length - shorter.length === 1 || shorter.length === 1)
}

function nameOf({ words }: CommandPage): string {
  return words.join('-')
}

function synopsisOf({ words, usage }: CommandPage): string {
  const rest = usage.slice(words.join(' ').length)
  return rest === '' ? '' : ` ${roff(rest.trim())}`
}

function section(title: string, lines: readonly string[]): readonly string[] {
  // A paragraph begins anyway behind a title.
  const rest = lines[0] === '.PP' ? lines.slice(1) : lines
  return rest.every((line) => line === '') ? [] : [`.SH ${title}`, ...rest]
}

function tagged([term, meaning]: Row): readonly string[] {
  return ['.TP', `\\fB${roff(term)}\\fR`, roff(sentenceCase(meaning)) || '\\&']
}

function paragraph(lines: Paragraph): readonly string[] {
  const said = lines.filter((line, at) => at > 0 || !/^Examples?:$/.test(line))
  return ['.PP', ...said.flatMap((line, at) => verbatimOr(line, said[at - 1], said[at + 1]))]
}

/** A line, and where a run of indented ones begins or ends, the requests that keep them as they are. */
function verbatimOr(line: string, before: string | undefined, after: string | undefined): readonly string[] {
  if (!isVerbatim(line)) return [roff(line)]
  const begins = before === undefined || !isVerbatim(before)
  const ends = after === undefined || !isVerbatim(after)
  return [...(begins ? ['.RS 2', '.nf'] : []), roff(line.slice(2)), ...(ends ? ['.fi', '.RE'] : [])]
}

function sentence(text: string): string {
  return roff(`${sentenceCase(text).replace(/\.$/, '')}.`)
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Characters that roff would take for something else: an escape, or a sign for print that no one can copy. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
}

/** Text as roff takes it for what it is; no line begins like a request. */
function roff(text: string): string {
  return text
    .replace(/[\\'`^~-]/g, (one) => ESCAPES[one] ?? one)
    .replace(/\P{ASCII}/gu, (one) => `\\[u${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`)
    .replace(/^(?=\.)/gm, '\\&')
}
