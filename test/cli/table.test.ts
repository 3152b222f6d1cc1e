import { expect, test } from 'vitest'
import { main } from '../../src/cli/program.js'
import { cells, columnWidths } from '../../src/cli/table.js'
import { copiedPki } from './made.js'
import { silentIo } from './silent-io.js'

const terminal = (columns: number, stdout = true) => ({ terminal: { stdout, stderr: true, columns } })

test.each([
  ['a wide terminal', terminal(30), [9, 5, 12]],
  ['an odd number of columns', terminal(31), [9, 5, 12]],
  ['a narrow terminal', terminal(10), [5, 5, 8]],
  ['the usual width', terminal(22), [5, 5, 8]],
  ['a pipe', terminal(200, false), [5, 5, 8]],
])('columns fill %s', (_, io, widths) => {
  expect(columnWidths([5, 5, 8], [0, 2], io)).toEqual(widths)
})

test.each([80, 100, 132])('the tables of lines and devices fit %i columns, and use them', async (columns) => {
  const pki = await copiedPki()
  const name = 'x'.repeat(64)
  expect((await pki.home.fpki(['lines', 'create', pki.directory, name, '--ca', 'local-ca'])).status).toBe(0)
  let shown = ''
  const io = { ...silentIo((text) => (shown += text)), ...terminal(columns), env: { HOME: pki.home.path } }
  expect(await main(['lines', 'list', pki.directory], io)).toBe(0)
  const lines = shown.trimEnd().split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
  expect(/^x+…/.exec(lines[2] ?? '')?.[0]).toHaveLength(15 + (columns - 80) / 2)
})

test('a cell is cut off where its column ends', () => {
  expect(cells(['abcdef', 'b'], [4, 4])).toBe('abc…  b')
})
