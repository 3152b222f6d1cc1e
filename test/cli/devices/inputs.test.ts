import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { output } from '../../support/cli.js'
import { deviceCsr, deviceCsrs, requestFolder } from '../../support/device-requests.js'
import { ALL_POINTS } from '../../support/points.js'
import { copiedPki, type Made } from '../made.js'
import { expectWords } from '../refusal.js'
import { registered } from './scene.js'

const issue = ({ home, directory }: Made, from: string, words: readonly string[] = []) =>
  home.fpki(['devices', 'issue', directory, '--from', from, '--refused', join(home.path, 'refused.jsonl'), ...words])

async function refusedOf({ home }: Made): Promise<string> {
  return output('cat', [join(home.path, 'refused.jsonl')])
}

describe('a CSV file', () => {
  test('of a spreadsheet, with a BOM, semicolons, CRLF and quoted PEM, is issued but for the rows that cannot be read', async () => {
    const pki = await copiedPki()
    const [one, two] = deviceCsrs(2)
    const quoted = (pem = '') => `"${pem.replaceAll('\n', '\r\n')}"`
    const lines = [
      '\ufeffUUID;name;"hardware-id";csr',
      `${one?.uuid};Press 7;imx8;${quoted(one?.pem)}`,
      `${one?.uuid};too few`,
      `${one?.uuid};a cell of 10 MB;imx8;${'A'.repeat(10_000_000)}`,
      `;;;${quoted(two?.pem)}`,
    ]
    const from = join(pki.home.path, 'devices.csv')
    await writeFile(from, lines.join('\r\n'))
    const ended = await issue(pki, from)
    expect(ended).toMatchObject({ status: 12, stdout: '' })
    expect(ended.stderr).toContain('2 issued, 0 reused, 2 refused')
    const refused = await refusedOf(pki)
    expect(refused).toContain('the header has 4 cells, this row has 2')
    expect(refused).toContain('the line is too long')
    expect(refused.length).toBeLessThan(1000)
    const devices = await registered(pki.directory)
    expect([...devices.keys()].sort()).toEqual([one?.uuid, two?.uuid].sort())
    expect(devices.get(one?.uuid ?? '')?.device).toMatchObject({ name: 'Press 7', hardwareId: 'imx8' })
  })

  test('without a column of requests is refused row by row, with the way out', async () => {
    const pki = await copiedPki()
    const from = join(pki.home.path, 'devices.csv')
    await writeFile(from, `uuid,name\n${deviceCsr().uuid},a\n`)
    expect(await issue(pki, from)).toMatchObject({ status: 12 })
    expect(await refusedOf(pki)).toContain('it has a UUID but no certificate request, and this batch makes no keys')
  })

  test('without any column that fpki knows cannot be read', async () => {
    const pki = await copiedPki()
    const from = join(pki.home.path, 'devices.csv')
    await writeFile(from, 'colour,size\nred,1\n')
    expectWords(await issue(pki, from), { status: 6, code: 'ERR_BAD_FILE', names: [from] })
    expect((await registered(pki.directory)).size).toBe(0)
  })

  test('of a spreadsheet that does not write UTF-8 says how to save it', async () => {
    const pki = await copiedPki()
    const from = join(pki.home.path, 'devices.csv')
    await writeFile(from, Buffer.from('uuid;csr;Gerät\r\n', 'latin1'))
    expectWords(await issue(pki, from), { status: 6, code: 'ERR_BAD_FILE', names: [from, '"CSV UTF-8"'] })
  })
})

test('an input that is damaged in the middle keeps what came before, and says what to do', async () => {
  const pki = await copiedPki()
  const from = join(pki.home.path, 'devices.csv')
  const [one, two] = deviceCsrs(2)
  await writeFile(from, `uuid,csr\n${one?.uuid},"${one?.pem}"\n${two?.uuid},"${two?.pem}\n`)
  const ended = await issue(pki, from)
  expectWords(ended, { status: 6, code: 'ERR_BAD_FILE', names: [from, 'a quote out of place'] })
  expect([...(await registered(pki.directory)).keys()]).toEqual([one?.uuid])
})

test('an archive that names files above it has only its requests read, and nothing is written there', async () => {
  const pki = await copiedPki()
  const [one, two] = deviceCsrs(2)
  const folder = join(pki.home.path, 'a', 'b')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'one.csr'), one?.pem ?? '')
  await writeFile(join(pki.home.path, 'a', 'two.csr'), two?.pem ?? '')
  const from = join(pki.home.path, 'requests.tar')
  await output('tar', ['-cPf', from, '-C', folder, 'one.csr', '../two.csr'])
  const ended = await issue(pki, from, ['--out', join(pki.home.path, 'devices')])
  expect(ended.status).toBe(12)
  expect(ended.stderr).toContain('1 issued, 0 reused, 1 refused')
  expect(await refusedOf(pki)).toContain('../two.csr')
  expect([...(await registered(pki.directory)).keys()]).toEqual([one?.uuid])
})

test('a folder of many files is read to its end', async () => {
  const pki = await copiedPki()
  const from = join(pki.home.path, 'csrs')
  const count = ALL_POINTS ? 100_000 : 300
  const requests = deviceCsrs(50)
  await requestFolder(from, requests)
  for (let at = 50; at < count; at++) await writeFile(join(from, `${at}.csr`), requests[at % 50]?.pem ?? '')
  const ended = await issue(pki, from)
  expect(ended).toMatchObject({ status: 0 })
  expect(ended.stderr).toContain(`50 issued, ${count - 50} reused, 0 refused`)
})
