import { describe, expect, test } from 'vitest'
import { journalFile } from '../../src/directory/journal-file.js'
import type { Journal } from '../../src/directory/journal-record.js'
import { durableFiles } from '../../src/storage/files.js'
import { foldJournal } from '../support/journal.js'
import { memoryDisk } from '../support/memory-disk.js'

const PATH = '/pki/.fpki/journal.jsonl'
const CSR = '-----BEGIN CERTIFICATE REQUEST-----'

const ROTATION: Journal = {
  version: 1,
  command: 'ca rotate-tls',
  options: { factory: 'acme', api: 'https://factory.example/', tlsNames: ['gw.example'] },
  startedAt: '2026-07-28T12:00:00Z',
  finishedAt: null,
  steps: ['request', 'certificate', 'upload', 'publish'].map((name, at) => ({
    name,
    state: at === 0 ? ('started' as const) : ('pending' as const),
  })),
  facts: {},
}

async function scene(text?: string) {
  const disk = memoryDisk()
  const operations: string[] = []
  const files = durableFiles(disk.mount({ before: (operation) => void operations.push(operation) }))
  await files.makeDirectory('/pki/.fpki')
  const journal = journalFile(files, PATH)
  if (text === undefined) await journal.beginJournal(ROTATION)
  else await files.replace(PATH, text, 0o600)
  operations.length = 0
  return { disk, files, journal, operations, text: () => disk.contents().get(PATH)?.text ?? '' }
}

const FIRST = `${JSON.stringify(ROTATION)}\n`
const REQUESTED = `${JSON.stringify({ done: 'request', facts: { csr: CSR }, started: 'certificate' })}\n`

describe('a journal', () => {
  test('records a step boundary with one append and one sync', async () => {
    const { journal, operations, text } = await scene()
    await journal.changeJournal({ done: 'request', facts: { csr: CSR }, started: 'certificate' })
    expect(operations).toEqual(['append', 'fsync'])
    expect(text()).toBe(FIRST + REQUESTED)
    const folded = foldJournal(text())
    expect(await journal.readJournal()).toEqual(folded)
    expect(folded.steps.map(({ state }) => state)).toEqual(['done', 'started', 'pending', 'pending'])
    expect(folded.facts).toEqual({ request: { csr: CSR } })
  })

  test('is open again when a step of a finished command starts', async () => {
    const { journal } = await scene()
    await journal.changeJournal({ finishedAt: '2026-07-28T12:00:05Z' })
    expect((await journal.readJournal())?.finishedAt).toBe('2026-07-28T12:00:05Z')
    await journal.changeJournal({ started: 'publish' })
    expect((await journal.readJournal())?.finishedAt).toBeNull()
  })

  test.each([1, 20, REQUESTED.length - 1])('whose last line is cut off after %i octets ignores it', async (length) => {
    const { journal, text } = await scene(FIRST + REQUESTED.slice(0, length))
    expect(await journal.readJournal()).toEqual(ROTATION)
    await journal.changeJournal({ done: 'request', facts: { csr: CSR }, started: 'certificate' })
    expect(text()).toBe(FIRST + REQUESTED)
  })

  test('whose last line is what a loss of power leaves of a block ignores it', async () => {
    const { journal } = await scene(`${FIRST}\0\0\0\0\n`)
    expect(await journal.readJournal()).toEqual(ROTATION)
  })
})

const changed = (change: object) => `${JSON.stringify({ ...ROTATION, ...change })}\n`

describe('ERR_BAD_FILE is the answer to a journal', () => {
  test.each([
    ['that is empty', '', 'not JSON written by fpki'],
    ['without a whole line', FIRST.trim(), 'not JSON written by fpki'],
    ['of a command that has none', changed({ command: 'ca sign' }), '"command" is invalid'],
    ['with an unknown member', changed({ folder: '..' }), 'not JSON written by fpki'],
    [
      'with an option of another type',
      changed({ options: { ...ROTATION.options, tlsNames: 'a b' } }),
      '"options.tlsNames"',
    ],
    [
      'with an endless option',
      changed({ options: { ...ROTATION.options, factory: 'a'.repeat(5000) } }),
      '"options.factory"',
    ],
    ['with a fact of another command', changed({ facts: { keys: {} } }), '"facts" is invalid'],
    ['with a time that is a path', changed({ startedAt: '2026/../..' }), '"startedAt" is invalid'],
    ['with a done step that learnt nothing', `${FIRST}${JSON.stringify({ done: 'request' })}\n`, '"facts.request"'],
    ['with a strange line', `${FIRST}{"run":"rm"}\n${REQUESTED}`, 'it contains a line that fpki did not write'],
    ['with a broken line in the middle', `${FIRST}{\n${REQUESTED}`, 'it contains a line that fpki did not write'],
    ['with endless lines', FIRST + REQUESTED.repeat(1001), 'not JSON written by fpki'],
  ])('%s', async (_, text, says) => {
    const { journal } = await scene(text)
    await expect(journal.readJournal()).rejects.toMatchObject({
      code: 'ERR_BAD_FILE',
      message: expect.stringContaining(says),
    })
  })
})
