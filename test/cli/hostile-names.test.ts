import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newHome, output } from '../support/cli.js'
import { copiedPki, editCertificates, type Made } from './made.js'

/** What a terminal acts on: C0 but tab and line feed, DEL, C1, and what turns the direction of writing. */
const RAW = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const HOSTILE = {
  'an ESC sequence': 'evil\u001b[2J\u001b[31mroot',
  'a carriage return and a backspace': 'evil\r\b\brevoked',
  'an operating system command': 'evil\u001b]0;title\u0007',
  'the 8-bit CSI': 'evil\u009b2J',
  DEL: 'evil\u007f',
  'right-to-left override': 'evil\u202egpj.exe',
  'Arabic letter mark': 'evil\u061c1',
} as const

test.each(['', '--pretty', '--json', '--just-device-cas'])(
  'names in certificates do not reach the terminal raw: ca show %s',
  async (flag) => {
    const made = await copiedPki()
    const names = Object.values(HOSTILE)
    const deviceCas = await Promise.all(names.map((name) => deviceCaNamed(name, made)))
    await editCertificates(made, { caCrt: deviceCas.join('') })
    const { status, stdout, stderr } = await made.home.fpki(['ca', 'show', ...(flag === '' ? [] : [flag])])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.match(RAW)).toBeNull()
    if (flag === '--pretty') expect(stdout.match(/^[├└]── .* CN=evil/gm)).toHaveLength(names.length)
  },
)

test('a line feed in a subject does not start a new line of output', async () => {
  const made = await copiedPki()
  const forged = 'x\n  Issuer            CN=Factory-CA  (signature verified)'
  await editCertificates(made, { caCrt: await deviceCaNamed(forged, made) })
  const { stdout } = await made.home.fpki(['ca', 'show', '--pretty'])
  expect(stdout.match(/^ {2}Issuer .*\(signature verified\)/gm)).toHaveLength(3)
})

test('a disabled serial that is not a number is escaped', async () => {
  const made = await copiedPki()
  await editCertificates(made, { disabledCaSerials: ['1\u001b[2J'] })
  for (const words of [[], ['--pretty'], ['--json']]) {
    const { stdout, stderr } = await made.home.fpki(['ca', 'show', ...words])
    expect(`${stdout}${stderr}`.match(RAW)).toBeNull()
  }
})

test('names of directories, factories and options are escaped', async () => {
  const home = await newHome()
  const esc = '\u001b[31m'
  const directory = join(home.path, `a${esc}b`)
  for (const words of [
    ['ca', 'create', directory],
    ['ca', 'create', directory, '--factory', 'acme'],
    ['ca', 'create', join(home.path, 'x'), '--factory', esc],
    ['ca', 'create', join(home.path, 'x'), '--tls-name', esc],
    ['ca', 'create', esc],
    ['ca', 'show', `--${esc}`],
    ['ca', 'show', '--api', esc],
    [esc],
  ]) {
    const { stdout, stderr } = await home.fpki(words)
    expect(`${stdout}${stderr}`.match(RAW)).toBeNull()
    expect(`${stdout}${stderr}`).not.toBe('')
  }
})

/** A device CA with `name` as its CN, signed by the root's key. */
async function deviceCaNamed(name: string, { path }: Made): Promise<string> {
  const subject = `/CN=${name.replace(/[/\\+]/g, '\\$&')}/OU=acme`
  const csr = await output('openssl', [
    ...['req', '-new', '-utf8', '-key', path('local-ca.key'), '-subj', subject],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'],
  ])
  const words = ['-req', '-CA', path('factory_ca.pem'), '-CAkey', path('factory_ca.key'), '-copy_extensions', 'copy']
  return output('openssl', ['x509', ...words], { stdin: csr })
}
