import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { durableFiles } from '../../src/storage/files.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { copiedPki } from './made.js'
import { expectRefusal } from './refusal.js'

/**
 * States of a journal that no interrupted fpki leaves: its first line is written under another name and synced before it is
 * there. What it recorded is lost, so no command may begin anew.
 */
const DAMAGED = {
  'a first line that is cut off': (text: string) => text.slice(0, 300),
  'a first line without its end': (text: string) => text.split('\n')[0] ?? '',
  'nothing in it': () => '',
} as const

/** What an append that is under way, or was interrupted, leaves. */
const APPENDING = {
  'a last line that is cut off': (text: string) => text.slice(0, -20),
  'a last line without its end': (text: string) => text.slice(0, -1),
} as const

type Edit = (text: string) => string

async function pkiWith(edit: Edit, isLocked: boolean) {
  const pki = await copiedPki()
  const journal = pki.path('.fpki/journal.jsonl')
  await writeFile(journal, edit(await readFile(journal, 'utf8')), { mode: 0o600 })
  const lock = isLocked ? await durableFiles(nodeFileSystem()).lock(pki.path('.fpki/lock')) : null
  return { ...pki, journal, release: async () => lock?.release() }
}

const inBoth = <T extends Readonly<Record<string, Edit>>>(states: T) =>
  Object.entries(states).flatMap(([title, edit]) => [
    [title, 'without a lock', edit, false] as const,
    [title, 'while another process has the lock', edit, true] as const,
  ])

describe('a journal with', () => {
  test.each(inBoth(DAMAGED))('%s, %s, is reported as damaged', async (_, __, edit, isLocked) => {
    const { home, directory, journal, release } = await pkiWith(edit, isLocked)
    const damaged = { status: 6, code: 'ERR_BAD_FILE', names: [journal, 'is damaged'] }
    for (const words of [
      ['create', directory],
      ['rotate-tls', directory, '--tls-name', 'gw.example'],
    ])
      await expectRefusal(home, ['ca', ...words], damaged)
    const { status, stdout } = await home.fpki(['ca', 'status', directory, '--json'])
    expect({ status, damaged: stdout.includes('is damaged') }).toEqual({ status: 6, damaged: true })
    await release()
  })

  test.each(inBoth(APPENDING))('%s, %s, is read up to there', async (_, __, edit, isLocked) => {
    const { home, directory, release } = await pkiWith(edit, isLocked)
    // Only the end of the last command is missing: it is unfinished, unless the process with the lock is at work on it.
    const { stdout } = await home.fpki(['ca', 'status', directory])
    expect(stdout.includes('interrupted')).toBe(!isLocked)
    for (const words of [
      ['rotate-tls', '--tls-name', 'gw.example'],
      ['add-device-ca', '--local-ca'],
    ])
      await expectRefusal(home, ['ca', ...words, directory], { status: 3, code: 'ERR_UNFINISHED', names: [directory] })
    await release()
  })
})

test('a directory whose first command has not begun its journal is locked for another one', async () => {
  const { home, directory, journal, path, release } = await pkiWith((text) => text, true)
  await rm(journal)
  for (const name of ['factory_ca.pem', 'factory_ca.key', 'tls-crt', 'online-crt', 'local-ca.pem', 'local-ca.key'])
    await rm(path(name))
  await rm(join(home.state, 'factories'), { recursive: true })
  await expectRefusal(home, ['ca', 'create', directory], { status: 3, code: 'ERR_LOCKED', names: [directory] })
  await release()
})
