import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DEFAULT_LINE } from '../../../src/devices/register.js'
import { issueDevicesResult } from '../../../src/operations/devices/issue/issue-devices.js'
import { withRegister } from '../../support/device-register.js'
import { copiedPki } from '../made.js'

/** Two devices with keys in `first`, issued by a job that the register has as interrupted. */
async function scene() {
  const pki = await copiedPki()
  const uuids = [randomUUID(), randomUUID()]
  const from = join(pki.home.path, 'uuids.txt')
  await writeFile(from, uuids.join('\n'))
  const startedAt = Date.now()
  const issue = (out: string, ...words: readonly string[]) =>
    pki.home.fpki([
      ...['devices', 'issue', pki.directory, '--from', from, '--make-keys', '--out', join(pki.home.path, out)],
      ...words,
    ])
  expect(await issue('first')).toMatchObject({ status: 0 })
  await withRegister(pki.directory, ({ jobs }) => jobs.begin(DEFAULT_LINE, startedAt))
  const states = () =>
    withRegister(pki.directory, (register) =>
      Promise.all(uuids.map(async (uuid) => (await register.device(uuid))?.certificates.map(({ state }) => state))),
    )
  return { ...pki, issue, states, second: join(pki.home.path, 'second') }
}

test('a batch that makes new keys for devices of an interrupted one warns once, and counts them', async () => {
  const { issue, states, second } = await scene()
  const warning = `warning: Keys of devices from an interrupted batch are not in ${second}`
  const dry = await issue('second', '--dry-run')
  expect(dry.stderr).toContain(warning)
  expect(dry.stderr).toContain(
    'New keys for 2 devices whose keys are not in the output: the earlier certificates would be',
  )
  expect(await states()).toEqual([['active'], ['active']])
  const { stdout, stderr, status } = await issue('second', '--json')
  expect(status).toBe(0)
  expect(stderr.split(warning)).toHaveLength(2)
  expect(issueDevicesResult.parse(JSON.parse(stdout))).toMatchObject({ issued: 2, abandoned: 2 })
  expect(await states()).toEqual([
    ['active', 'abandoned'],
    ['active', 'abandoned'],
  ])
})

test('the same folder has the keys: nothing is abandoned, and nothing is said', async () => {
  const { issue, states } = await scene()
  const { stdout, stderr } = await issue('first', '--json')
  expect(stderr).not.toContain('interrupted batch')
  expect(issueDevicesResult.parse(JSON.parse(stdout))).toMatchObject({ reused: 2, abandoned: 0 })
  expect(await states()).toEqual([['active'], ['active']])
})
