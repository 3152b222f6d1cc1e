import { type CommandPage, exitCodes, isVerbatim, type Paragraph, type Row, remarksOf } from './commands.js'

/** docs/cli.md: every command with its arguments, flags and examples. */
export function reference(pages: readonly CommandPage[]): string {
  const [program, ...commands] = pages
  const parts = [
    '# The commands of fpki',
    'Made by `npm run docs` from what `--help` says; `man fpki` has the same.',
    ...(program === undefined ? [] : [heading('Flags of every command'), table(program.options)]),
    `Exit codes: ${exitCodes(pages)} See [exit codes](exit-codes.md).`,
    ...commands.flatMap(sectionOf),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

function sectionOf(page: CommandPage): readonly string[] {
  const { words, description, usage, options, commands, examples } = page
  return [
    heading(`\`${words.join(' ')}\``),
    words[1] === 'keys' ? `${sentence(description)} \`fpki keys ca show\` is \`fpki ca show\`.` : sentence(description),
    ...(commands.length > 0 ? [] : [block('text', [usage])]),
    table([...page.arguments, ...options.filter(([term]) => !term.startsWith('-h,')), ...commands]),
    ...[...examples, ...remarksOf(page)].flatMap(paragraph),
  ]
}

function heading(text: string): string {
  return `## ${text}`
}

function table(rows: readonly Row[]): string {
  if (rows.length === 0) return ''
  const lines = rows.map(([term, meaning]) => `| \`${term}\` | ${escaped(meaning).replaceAll('|', '\\|')} |`)
  return ['| word | meaning |', '| --- | --- |', ...lines].join('\n')
}

function paragraph(lines: Paragraph): readonly string[] {
  const text = lines.filter((line) => !isVerbatim(line) && !/^Examples?:$/.test(line))
  const code = lines.filter(isVerbatim).map((line) => line.slice(2))
  const isShell = code.some((line) => /^(\$ )?fpki /.test(line))
  return [
    text.map(escaped).join('\n'),
    code.length === 0 ? '' : block(isShell ? 'sh' : 'text', isShell ? code.map(typed) : code),
  ]
}

/** What a person types, and what the help says of it as a comment. */
function typed(line: string): string {
  return line.replace(/^\$ /, '').replace(/ {3,}(\S.*)$/, '    # $1')
}

function block(language: string, lines: readonly string[]): string {
  return [`\`\`\`${language}`, ...lines, '```'].join('\n')
}

function sentence(text: string): string {
  return escaped(`${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`)
}

/** Text in which Markdown finds no markup but code. */
function escaped(text: string): string {
  const parts = text.split(/(`[^`]*`)/)
  return parts.map((part) => (part.startsWith('`') ? part : part.replace(/[<>*[\]\\]/g, '\\$&'))).join('')
}
