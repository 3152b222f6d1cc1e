import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DAY } from '../../../src/day.js'
import { thisMachine } from '../../../src/machine/index.js'
import { beginJob, isRunning } from '../../../src/operations/devices/issue/running-jobs.js'
import { temporaryDirectory } from '../../support/cli.js'

const { files } = thisMachine()
const jobs = { begin: async () => 1, finish: async () => undefined, list: async () => [] }
const NOW = Date.UTC(2026, 10, 26)

test.each([
  [null, 'devices.sqlite', false],
  ['postgres://u@db.example/x', 'devices', true],
])('with the register %s, jobs are told apart by their locks', async (store, prefix, isElsewhere) => {
  const directory = await temporaryDirectory()
  const choice = { directory, store }
  const job = await beginJob({ jobs }, { choice, line: 'default', at: NOW }, files)
  expect(await readdir(directory)).toEqual([`${prefix}-job-${NOW}.lock`])
  expect(await isRunning(choice, { startedAt: NOW }, thisMachine().files)).toBe(true)
  await job.release()
  // Of a process that was killed here, an hour and eight days ago.
  const [recent, old] = [NOW - DAY / 24, NOW - 8 * DAY]
  for (const at of [recent, old]) await writeFile(join(directory, `${prefix}-job-${at}.lock`), '')
  expect(await isRunning(choice, { startedAt: recent }, files)).toBe(false)
  // Without a lock, it ended here, or may be running on another machine.
  expect(await isRunning(choice, { startedAt: NOW - 5 }, files)).toBe(isElsewhere)
  const next = await beginJob({ jobs }, { choice, line: 'default', at: NOW }, files)
  await next.release()
  expect(await readdir(directory)).toEqual(isElsewhere ? [`${prefix}-job-${recent}.lock`] : [])
})
