import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hintWithFlag } from '../src/cli/option-flags.js'
import { FpkiError } from '../src/errors.js'

const SOURCE = join(import.meta.dirname, '..', 'src')
const LITERAL = String.raw`('(?:[^'\\]|\\.)*'|\`(?:[^\`\\]|\\.)*\`)`
/** The message of an error: after its code, or in a constant of its own. */
const MESSAGES = [
  new RegExp(String.raw`Error\(\s*(?:'ERR_\w+'|[\w.]+),\s*${LITERAL}`, 'g'),
  new RegExp(`const (?:text|message) = ${LITERAL}`, 'g'),
]

/** Their hints: after the message, or in a constant of its own. */
const HINTS = [
  new RegExp(String.raw`Error\(\s*'ERR_\w+',\s*(?:${LITERAL}|\w+),\s*${LITERAL}`, 'g'),
  new RegExp(`const hint =\\s+${LITERAL}`, 'g'),
]

/** What these report is a finding of `ca verify`, whose hint is printed as it is. */
const FINDINGS = /^operations\/audit\/verify/

async function textsIn(room: RegExp): Promise<readonly (readonly [file: string, text: string])[]> {
  const files = (await readdir(SOURCE, { recursive: true })).filter((file) => file.endsWith('.ts') && room.test(file))
  return Promise.all(files.map(async (file) => [file, await readFile(join(SOURCE, file), 'utf8')] as const))
}

async function literalsIn(room: RegExp, patterns: readonly RegExp[]): Promise<readonly string[]> {
  return (await textsIn(room)).flatMap(([file, text]) =>
    patterns.flatMap((pattern) =>
      [...text.matchAll(pattern)].map((match) => `${file}: ${match.at(-1)?.slice(1, -1) ?? ''}`),
    ),
  )
}

test('the messages of the library name no flags: those are words of the command line', async () => {
  const messages = await literalsIn(/^(?!cli\/)/, MESSAGES)
  expect(messages.length).toBeGreaterThan(200)
  expect(messages.filter((message) => /--[a-z]/.test(message))).toEqual([])
})

test('the hints of operations name flags only in commands that can be pasted', async () => {
  const hints = (await literalsIn(/^(operations|issuance)\//, HINTS)).filter((hint) => !FINDINGS.test(hint))
  expect(hints.length).toBeGreaterThan(80)
  const withoutCommands = hints.map((hint) => hint.replace(/\\?`(fpki|ca) .*?`/g, ''))
  expect(withoutCommands.filter((hint) => / --[a-z]/.test(hint))).toEqual([])
})

test('the command line adds the flag of the option that an error is about', () => {
  const error = (option?: 'tlsNames') =>
    new FpkiError('ERR_USAGE', 'It is wrong.', 'Give another.', option === undefined ? {} : { option })
  expect([hintWithFlag(error('tlsNames')), hintWithFlag(error())]).toEqual([
    'Give another (--tls-name).',
    'Give another.',
  ])
})
