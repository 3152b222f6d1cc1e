import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'csv-parse/sync'
import { expect, test } from 'vitest'
import type { RefusedDevice } from '../../../../src/operations/devices/model.js'
import { openRefusedFile } from '../../../../src/operations/devices/output/refused-file.js'
import { concurrentFileSystem } from '../../../../src/storage/concurrent-file-system.js'
import { batchesOn, DEVICES } from './support/scene.js'

const [one] = DEVICES
const ROWS: readonly RefusedDevice[] = [
  { kind: 'refused', at: 'line 7', uuid: one?.uuid ?? null, code: 'quota', reason: 'the quota of the line is used up' },
  { kind: 'refused', at: '=1+1.csr', uuid: null, code: 'csr-factory', reason: 'its OU is "a\nb", not acme' },
]

async function run(path: string, rows: readonly RefusedDevice[]): Promise<void> {
  const file = await openRefusedFile(path, batchesOn(concurrentFileSystem()))
  for (const row of rows) await file.write([row])
  await file.finish()
}

test('refused rows are JSON lines, and an earlier list is kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'refused-'))
  const path = join(folder, 'refused.jsonl')
  await run(path, ROWS)
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
  expect(lines.map((line) => ({ kind: 'refused', ...JSON.parse(line) }))).toEqual(ROWS)
  await run(path, [])
  expect(await readFile(path, 'utf8')).toBe('')
  expect(await readdir(folder)).toEqual(['refused.jsonl', 'refused.jsonl.bak'])
  expect(await readFile(`${path}.bak`, 'utf8')).toBe(`${lines.join('\n')}\n`)
})

test('refused rows are CSV when the name says so', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'refused-')), 'refused.csv')
  await run(path, ROWS)
  expect(parse(await readFile(path))).toEqual([
    ['at', 'uuid', 'code', 'reason'],
    ['line 7', one?.uuid, 'quota', 'the quota of the line is used up'],
    ["'=1+1.csr", '', 'csr-factory', 'its OU is "a\\u000ab", not acme'],
  ])
})

test('a list in a missing folder is refused before anything is issued', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'refused-'))
  const opened = openRefusedFile(join(folder, 'missing', 'refused.csv'), batchesOn(concurrentFileSystem()))
  await expect(opened).rejects.toMatchObject({ code: 'ERR_STORAGE' })
})
