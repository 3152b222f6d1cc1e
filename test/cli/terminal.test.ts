import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { newHome } from '../support/cli.js'
import { copiedPki } from './made.js'
import { onTerminal } from './terminal.js'

/** A terminal's own sequences written out as text: what a person must never see. */
const WRITTEN_OUT = /\\u001b|\\x1b/

describe('on a terminal', () => {
  test('create uses weight and colour, and no sequence is written out', async () => {
    const home = await newHome()
    const { stdout: shown } = await onTerminal(home, `ca create ${join(home.path, 'acme')}`)
    expect(shown).not.toMatch(WRITTEN_OUT)
    expect(shown).toContain('\u001b[1mNext:\u001b[22m')
    expect(stripVTControlCharacters(shown)).toContain('Made the PKI of the factory acme')
  })

  test('show --pretty says the same as into a pipe', async () => {
    const { home } = await copiedPki()
    const { stdout: shown } = await onTerminal(home, 'ca show --pretty')
    expect(shown).not.toMatch(WRITTEN_OUT)
    expect(stripVTControlCharacters(shown)).toBe((await home.fpki(['ca', 'show', '--pretty'])).stdout)
  })

  test('an error is coloured', async () => {
    const home = await newHome()
    const { stdout: shown } = await onTerminal(home, 'ca create relative')
    expect(shown).toContain('\u001b[31merror:\u001b[39m')
    expect(shown).not.toMatch(WRITTEN_OUT)
  })

  test.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('nothing is coloured with %o', async (env) => {
    const home = await newHome()
    const { stdout: shown } = await onTerminal(home, `ca create ${join(home.path, 'acme')}`, [], env)
    expect(shown).toContain('Made the PKI')
    expect(shown).not.toContain('\u001b')
    expect(shown).not.toMatch(WRITTEN_OUT)
  })
})

test('into a pipe nothing is coloured, whatever the terminal', async () => {
  const home = await newHome()
  const { status, stdout, stderr } = await home.fpki(['ca', 'create', join(home.path, 'acme')], {
    env: { NO_COLOR: '', TERM: 'xterm' },
  })
  expect(status).toBe(0)
  expect(`${stdout}${stderr}`).not.toContain('\u001b')
})
