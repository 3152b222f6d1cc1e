import { type Block, isCommand, type Page, type Section, type SectionTitle } from './page.js'

/** Renders docs/cli.md: the common options and exit codes, then every command. */
export function reference([program, ...commands]: readonly Page[]): string {
  const common = program?.sections.filter(({ title }) => title === 'Options' || title === 'Exit status') ?? []
  const parts = [
    '# fpki command reference',
    'Generated from `--help` by `npm run docs`. The same text is in `man fpki`.',
    '## Common options',
    ...common.flatMap(section),
    'See [exit codes](exit-codes.md).',
    ...commands.flatMap(command),
  ]
  return `${parts.join('\n\n')}\n`
}

/** Sections that are the same for every command, or only useful in a manual page. */
const OMITTED: readonly SectionTitle[] = ['Common options', 'Exit status', 'See also']

function command({ words, usage, sections }: Page): readonly string[] {
  const shown = sections.filter(({ title, blocks }) => !OMITTED.includes(title) && !blocks.every(isOnlyHelp))
  const [description, ...rest] = shown.map(section)
  return [`## \`${words.join(' ')}\``, ...(description ?? []), fence('text', [usage]), ...rest.flat()]
}

/** Groups have no options but --help, which is among the common ones. */
function isOnlyHelp(content: Block): boolean {
  return content.kind === 'terms' && content.rows.every(([term]) => term === HELP)
}

const HELP = '-h, --help'

function section({ title, blocks }: Section): readonly string[] {
  const lead = { 'Exit status': ['Exit codes:'], Examples: ['Examples:'] }[title as string] ?? []
  return [...lead, ...blocks.map((content) => block(content, title))]
}

function block(content: Block, title: SectionTitle): string {
  if (content.kind === 'text') return escapeText(content.text)
  if (content.kind === 'pages') return content.names.join(', ')
  if (content.kind === 'terms') {
    const rows = content.rows.map(
      ([term, meaning]) => `| \`${term}\` | ${escapeText(meaning).replaceAll('|', '\\|')} |`,
    )
    return [`| ${title} | |`, '| --- | --- |', ...rows].join('\n')
  }
  return content.lines.some(isCommand) ? fence('sh', content.lines.map(shellLine)) : fence('text', content.lines)
}

/** The command without its prompt, and its description as a comment. */
function shellLine(line: string): string {
  return line.replace(/^\$ /, '').replace(/ {3,}(\S.*)$/, '    # $1')
}

function fence(language: string, lines: readonly string[]): string {
  return [`\`\`\`${language}`, ...lines, '```'].join('\n')
}

/** Escapes Markdown markup outside of code spans. */
function escapeText(text: string): string {
  const parts = text.split(/(`[^`]*`)/)
  return parts.map((part) => (part.startsWith('`') ? part : part.replace(/[<>*[\]\\]/g, '\\$&'))).join('')
}
