import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { runProgram, temporaryDirectory } from '../support/cli.js'

const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))

/** Sentences in the dialect that docs and messages must not have, each with the words that are reported. */
const FORBIDDEN = [
  ['This works on-line only.', 'on-line'],
  ['An off-line root', 'off-line'],
  ['The factory of --api is none.', 'is none'],
  ['online-ca is no device CA', 'is no'],
  ['The signature does not hold', 'does not hold'],
  ['It is not said which factory', 'It is not said'],
  ['what the module was told: nothing', 'told'],
  ['site-b.key came', 'came'],
  ['after it comes the root', 'comes'],
  ['It goes on as ever.', 'as ever'],
  ['The root cannot be looked at', 'cannot be looked'],
  ['fpki speaks to the server', 'speaks to'],
  ['The run is gone on with', 'gone on with'],
  ['is given up,', 'given up'],
  ['Interrupted; nothing is half done.', 'half done'],
  ['A stop is not undone.', 'undone'],
  ['Nothing is open in acme', 'Nothing is open'],
  ['to bring an interrupted making to its end', 'bring an interrupted making to its end'],
] as const

const PLAIN = [
  'fpki is offline, and online again.',
  'There is no device CA here, and it is no longer valid.',
  'It holds the lock; it held nothing.',
  'The file cannot be read; if there is none, the name comes from the profile.',
  'The forecast, the comet, the outcomes and the untold story',
  'No factory given: pass --factory NAME',
]

/** Reports what is wrong in a file with this ending. */
async function lintLanguage(
  ending: 'md' | 'ts',
  text: string,
): Promise<{ status: number | null; lines: readonly string[] }> {
  const folder = await temporaryDirectory()
  const name = `text.${ending}`
  await writeFile(join(folder, name), text)
  const script = join(CHECKOUT, 'scripts/language.mjs')
  const { status, stdout, stderr } = await runProgram('node', [script, name], { cwd: folder })
  expect(stderr).toBe('')
  return { status, lines: stdout.split('\n').filter((line) => line !== '') }
}

/** The line of each finding, and the words in it. */
function wordsOf(lines: readonly string[]): readonly (readonly [number, string | undefined])[] {
  return lines.map((line) => [Number(line.split(':')[1]), /term: “(.*?)”/.exec(line)?.[1]])
}

test('the phrases that fpki does not use are reported in Markdown', async () => {
  const { status, lines } = await lintLanguage('md', FORBIDDEN.map(([sentence]) => `- ${sentence}\n`).join(''))
  expect(wordsOf(lines)).toEqual(FORBIDDEN.map(([, words], index) => [index + 1, words]))
  expect(status).toBe(1)
})

test('a phrase over two lines is reported too', async () => {
  const { lines } = await lintLanguage('md', 'The Factory API\nof --api is\nnone.\n')
  expect(lines).toEqual([expect.stringMatching(/^[^:]+:2:10: /)])
})

test('the same phrases are reported in the strings of TypeScript, wherever they are', async () => {
  const forms = [
    (sentence: string) => `export const it = '${sentence}'`,
    (sentence: string) => `export const it = \`${sentence}\``,
    (sentence: string) => `export const it = (name: string) => ({ hint: \`\${name}: ${sentence}\` })`,
  ]
  const sentences = forms.flatMap((form) => FORBIDDEN.map(([sentence, words]) => [form(sentence), words] as const))
  const { status, lines } = await lintLanguage(
    'ts',
    sentences.map(([code], at) => `${code.replace('it', `it${at}`)}\n`).join(''),
  )
  expect(wordsOf(lines)).toEqual(sentences.map(([, words], index) => [index + 1, words]))
  expect(status).toBe(1)
})

test('plain English, code in Markdown, and identifiers in TypeScript are not reported', async () => {
  const commands = '`fpki --on-line`\n\n```sh\nfpki told\n```\n'
  expect(await lintLanguage('md', `${PLAIN.join('\n\n')}\n\n${commands}`)).toEqual({ status: 0, lines: [] })
  const code = `import { told } from './told.js'\nexport const comes = told // told\n`
  const strings = PLAIN.map((sentence, index) => `export const it${index} = '${sentence}'\n`).join('')
  expect(await lintLanguage('ts', code + strings)).toEqual({ status: 0, lines: [] })
})

test('spelling mistakes are reported in docs, messages, comments and names', async () => {
  const folder = await temporaryDirectory()
  for (const name of ['cspell.json', 'cspell-words.txt']) await copyFile(join(CHECKOUT, name), join(folder, name))
  const inFile = (ending: string) => `text.${ending}`
  await writeFile(join(folder, inFile('md')), 'The SoftHSM token has a certficate, and CRLs.\n')
  const text = `// The signture is checked.\nexport const certifcate = { hint: 'fpki ca resmue' }\n`
  await writeFile(join(folder, inFile('ts')), text)
  const words = ['lint', '--no-progress', '--no-summary', '--words-only', inFile('md'), inFile('ts')]
  const { stdout } = await runProgram(join(CHECKOUT, 'node_modules/.bin/cspell'), words, { cwd: folder })
  expect(stdout.trim().split('\n')).toEqual(['certficate', 'signture', 'certifcate', 'resmue'])
})
