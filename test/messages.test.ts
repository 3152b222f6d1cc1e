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

test('the messages of the library name no flags: those are words of the command line', async () => {
  const files = (await readdir(SOURCE, { recursive: true })).filter((file) => /\.ts$/.test(file))
  const library = files.filter((file) => !file.startsWith('cli/'))
  const texts = await Promise.all(
    library.map(async (file) => [file, await readFile(join(SOURCE, file), 'utf8')] as const),
  )
  const messages = texts.flatMap(([file, text]) =>
    MESSAGES.flatMap((pattern) => [...text.matchAll(pattern)].map(([, message = '']) => `${file}: ${message}`)),
  )
  expect(messages.length).toBeGreaterThan(200)
  expect(messages.filter((message) => /--[a-z]/.test(message))).toEqual([])
})

test('the command line adds the flag of the option that an error is about', () => {
  const error = (option?: 'tlsNames') =>
    new FpkiError('ERR_USAGE', 'It is wrong.', 'Give another.', option === undefined ? {} : { option })
  expect([hintWithFlag(error('tlsNames')), hintWithFlag(error())]).toEqual([
    'Give another (--tls-name).',
    'Give another.',
  ])
})
