import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { newHome } from '../support/cli.js'
import { copiedPki } from './made.js'
import { CTRL_C, onTerminal } from './terminal.js'

/** A terminal's own sequences written out as text: what a person must never see. */
const WRITTEN_OUT = /\\u001b|\\x1b/

/** What `ca create` offers at its end. */
const NO_BACKUP = [['encrypted backup now?', '\r']] as const

describe('on a terminal', () => {
  test('create uses bold and colour, without escaped sequences', async () => {
    const home = await newHome()
    const { stdout: shown } = await onTerminal(home, `ca create ${join(home.path, 'acme')}`, NO_BACKUP)
    expect(shown).not.toMatch(WRITTEN_OUT)
    expect(shown).toContain('\u001b[1mNext:\u001b[22m')
    expect(stripVTControlCharacters(shown)).toContain('Created the PKI of the factory acme')
  })

  test('create offers a backup and writes it', async () => {
    const home = await newHome()
    const [directory, file] = [join(home.path, 'acme'), join(home.path, 'acme.backup')]
    const { status, stdout } = await onTerminal(home, `ca create ${directory}`, [
      ['encrypted backup now?', 'y\r'],
      ['Backup file', `${file}\r`],
      ['New passphrase for the backup', 'nine lives of a fish\r'],
      ['Repeat the passphrase', 'nine lives of a fish\r'],
    ])
    expect({ status, said: stdout.includes('Backed up the PKI') }).toEqual({ status: 0, said: true })
    const check = ['ca', 'backup', '--check', file]
    expect((await home.fpki(check, { env: { FPKI_PASSPHRASE: 'nine lives of a fish' } })).status).toBe(0)
  })

  test('create asks again for an unusable backup file', async () => {
    const home = await newHome()
    const [directory, file] = [join(home.path, 'acme'), join(home.path, 'acme.backup')]
    const { status, stdout } = await onTerminal(home, `ca create ${directory}`, [
      ['encrypted backup now?', 'yes\r'],
      ['Backup file', `${home.path}/missing/acme.backup\r`],
      ['Backup file', `${directory}/acme.backup\r`],
      ['Backup file', `${file}\r`],
      ['New passphrase for the backup', 'nine lives of a fish\r'],
      ['Repeat the passphrase', 'another\r'],
      ['Backup file', `${file}\r`],
      ['New passphrase for the backup', 'nine lives of a fish\r'],
      ['Repeat the passphrase', 'nine lives of a fish\r'],
    ])
    expect({ status, said: stdout.includes('Backed up the PKI') }).toEqual({ status: 0, said: true })
    for (const reason of ['missing does not exist', 'inside the PKI directory', 'The passphrases do not match']) {
      expect(stdout.replace(/\s+/g, ' ')).toContain(reason)
    }
    expect((await readdir(home.path)).sort()).toEqual(['.local', 'acme', 'acme.backup'])
  })

  test.each([
    ['encrypted backup now?', [['encrypted backup now?', CTRL_C]]],
    [
      'Backup file',
      [
        ['encrypted backup now?', 'y\r'],
        ['Backup file', CTRL_C],
      ],
    ],
  ] as const)('Ctrl-C at "%s" declines, and the note starts on a new line', async (_, answers) => {
    const home = await newHome()
    const { status, stdout } = await onTerminal(home, `ca create ${join(home.path, 'acme')}`, answers)
    expect(status).toBe(0)
    expect(stripVTControlCharacters(stdout)).toMatch(/^note: There is no backup yet/m)
    expect(await readdir(home.path)).not.toContain('y')
  })

  test('show --pretty prints the same text as to a pipe', async () => {
    const { home } = await copiedPki()
    const { stdout: shown } = await onTerminal(home, 'ca show --pretty')
    expect(shown).not.toMatch(WRITTEN_OUT)
    const text = stripVTControlCharacters(shown)
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    const { stdout: piped } = await home.fpki(['ca', 'show', '--pretty'])
    expect(text.replace(/\s/g, '')).toBe(piped.replace(/\s/g, ''))
  })

  test('errors are coloured', async () => {
    const home = await newHome()
    const { stdout: shown } = await onTerminal(home, 'ca create relative')
    expect(shown).toContain('\u001b[31merror:\u001b[39m')
    expect(shown).not.toMatch(WRITTEN_OUT)
  })

  test.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('nothing is coloured with %o', async (env) => {
    const home = await newHome()
    const at = (name: string) => join(home.path, name)
    const { stdout: shown } = await onTerminal(home, `ca create ${at('acme')} --backup ${at('b')}`, [], {
      ...env,
      FPKI_PASSPHRASE: 'nine lives of a fish',
    })
    expect(shown).toContain('Created the PKI')
    expect(shown).not.toContain('\u001b')
    expect(shown).not.toMatch(WRITTEN_OUT)
  })
})

test('nothing is coloured in a pipe', async () => {
  const home = await newHome()
  const { status, stdout, stderr } = await home.fpki(['ca', 'create', join(home.path, 'acme')], {
    env: { NO_COLOR: '', TERM: 'xterm' },
  })
  expect(status).toBe(0)
  expect(`${stdout}${stderr}`).not.toContain('\u001b')
})
