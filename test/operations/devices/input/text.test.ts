import { parse } from 'csv-parse/sync'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DeviceInputFormat } from '../../../../src/operations/devices/input/open.js'
import type { DeviceInput } from '../../../../src/operations/devices/input/row.js'
import { device, readInput, somePem, UUID } from '../../../support/device-input.js'

const PEM = somePem()
const ESCAPED = PEM.replaceAll('\n', '\\n')
const PRIVATE_KEY = 'it is a private key, not a certificate request; it belongs on its device only'

/** The rows of a text, each as its place and what is wrong with it, or its UUID. */
async function outcomes(text: string | Buffer, format: DeviceInputFormat | 'auto' = 'auto') {
  const { rows, error } = await readInput(Buffer.from(text), format)
  const lines = rows.map((row) => `${row.at}: ${'problem' in row ? row.problem : (row.uuid ?? 'a request')}`)
  return error === null ? lines : [...lines, error]
}

describe('CSV', () => {
  test('has comma, semicolon or tab, a byte order mark, CRLF, quoted PEM and every column', async () => {
    const row = device('line 2', {
      csr: PEM,
      uuid: UUID,
      name: 'unit, 7',
      group: 'g',
      hardwareId: 'imx8',
      serialNumber: '0007',
      isProduction: true,
    })
    for (const [delimiter, end] of [
      [',', '\n'],
      [';', '\r\n'],
      ['\t', '\r\n'],
    ] as const) {
      const header = ['UUID', 'name', ' group ', '"hardware-id"', 'serial', 'production', 'csr'].join(delimiter)
      const cells = [UUID, '"unit, 7"', ' g ', 'imx8', '0007', 'TRUE', `"${PEM}"`].join(delimiter)
      const last = [UUID, '', '', '', '', 'no', ESCAPED].join(delimiter)
      const { format, rows } = await readInput(Buffer.from(`\ufeff${header}${end}${cells}${end}${end}${last}`))
      expect(format).toBe('csv')
      // The quoted PEM has 10 lines, then an empty one follows.
      const at = `line ${2 + PEM.split('\n').length + 1}`
      expect(rows.map((one) => ({ ...one, csr: 'csr' in one ? String(one.csr).trim() : '' }))).toEqual([
        { ...row, csr: PEM.trim() },
        { ...device(at, { uuid: UUID, isProduction: false }), csr: PEM.trim() },
      ])
    }
  })

  test.each([
    ['sep=;', ';'],
    ['SEP=,', ','],
    ['"sep=;"', ';'],
    ['sep=\t', '\t'],
  ])('may begin with %j, as Excel writes it', async (first, separator) => {
    const header = ['uuid', 'name'].join(separator)
    for (const end of ['\n', '\r\n']) {
      const text = `\ufeff${[first, header, `${UUID}${separator}"a, b;\tc"`, ''].join(end)}`
      const { format, rows } = await readInput(Buffer.from(text))
      expect(format).toBe('csv')
      expect(rows).toEqual([device('line 3', { uuid: UUID, name: 'a, b;\tc' })])
    }
  })

  test('the separator that the first line names is the only one', async () => {
    const rows = [`line 3: ${UUID}`]
    expect(await outcomes(`sep=;\nuuid;a,b\n${UUID};1\n`)).toEqual(rows)
    expect(await outcomes(`sep=,\nuuid\n${UUID}\n`)).toEqual(rows)
    expect(await outcomes(`sep=|\nuuid|name\n${UUID}|a\n`)).toEqual([expect.stringContaining('format is unknown')])
    expect(await outcomes('sep=;\n', 'csv')).toEqual([expect.stringContaining('it is empty')])
  })

  test('names the columns that it ignores once', async () => {
    const { rows, notes } = await readInput(Buffer.from(`uuid,colour\u001b[2J,size\n${UUID},red,1\n${UUID},blue,2\n`))
    expect(rows).toEqual([device('line 2', { uuid: UUID }), device('line 3', { uuid: UUID })])
    expect(notes).toEqual(['Ignoring the columns of stdin that fpki has no use for: colour\\u001b[2j, size'])
  })

  test.each([
    [
      'a row with too few cells',
      `uuid,name\n${UUID}\n${UUID},b\n`,
      ['line 2: the header has 2 cells, this row has 1', `line 3: ${UUID}`],
    ],
    [
      'a row with too many cells',
      `uuid,name\n${UUID},a,b\n${UUID},b`,
      ['line 2: the header has 2 cells, this row has 3', `line 3: ${UUID}`],
    ],
    ['rows of delimiters only', `uuid,name\n,\n${UUID},\n , \n`, [`line 3: ${UUID}`]],
    ['a row with nothing to go by', 'uuid,name\n,unit\n', ['line 2: it has neither a request nor a uuid']],
    [
      'a private key',
      `uuid,csr\n${UUID},"${somePem('PRIVATE KEY')}"\n${UUID},\n`,
      [`line 2: ${PRIVATE_KEY}`, `line 14: ${UUID}`],
    ],
    [
      'a long cell',
      `uuid,csr\n${UUID},${'A'.repeat(10_000_000)}\n${UUID},\n`,
      ['line 2: the line is too long', `line 3: ${UUID}`],
    ],
    ['a cell above the limit of cells', `uuid,csr\n${UUID},${'A'.repeat(70_000)}\n`, ['line 2: csr is too long']],
    ['a name above the limit', `uuid,name\n${UUID},${'A'.repeat(300)}\n`, ['line 2: name is too long']],
    [
      'a strange production',
      `uuid,production\n${UUID},perhaps\n`,
      ['line 2: production must be true, false, yes, no, 1 or 0'],
    ],
    [
      'a name in Latin-1',
      Buffer.from(`uuid,name\n${UUID},\xfc\n${UUID},u\n`, 'latin1'),
      ['line 2: it is not UTF-8', `line 3: ${UUID}`],
    ],
    ['both csr and csr-file', `csr,csr-file\n${ESCAPED},a.csr\n`, ['line 2: it has both csr and csr-file']],
    [
      'a csr-file of a pipe',
      'csr-file\na.csr\n',
      ['line 2: its csr-file "a.csr": only an input in a file can name others; this one is read from a pipe'],
    ],
    [
      'an unclosed quote',
      `uuid,name\n${UUID},a\n${UUID},"b\n${UUID},c\n`,
      [`line 2: ${UUID}`, 'Cannot read stdin: line 3 has a quote out of place, or one that is not closed.'],
    ],
    [
      'a quote in a cell',
      `uuid,name\n${UUID},a\n${UUID},b"b"\n${UUID},c\n`,
      [`line 2: ${UUID}`, 'Cannot read stdin: line 3 has a quote out of place, or one that is not closed.'],
    ],
    [
      'a quote that swallows rows',
      `uuid,name\n${UUID},"a\n${`${UUID},b\n`.repeat(5000)}${UUID},"c"\n`,
      ['Cannot read stdin: line 2 has a quote out of place, or one that is not closed.'],
    ],
    ['a column twice', `uuid,name,UUID\n${UUID},a,b\n`, ['Cannot read stdin: its header has the column "uuid" twice.']],
    [
      'two kinds of delimiters',
      `uuid,name;group\n${UUID},a;b\n`,
      ['Cannot read stdin: its header has both commas and semicolons.'],
    ],
    ['a header only', 'uuid,name\n', []],
  ] as const)('%s', async (_, text, expected) => {
    expect(await outcomes(typeof text === 'string' ? text : Buffer.from(text))).toEqual(expected)
  })

  test('without a usable header is an error', async () => {
    expect(await outcomes(`name,group\na,b\n`, 'csv')).toEqual([
      'Cannot read stdin: its header has no column csr, csr-file or uuid.',
    ])
    expect(await outcomes('\n \n', 'csv')).toEqual(['Cannot read stdin: it is empty.'])
  })

  test('is what csv-parse reads', async () => {
    const cell = fc.oneof(
      fc.stringMatching(/^[a-z ;.-]{0,8}$/),
      fc.stringMatching(/^[a-z",\n\r ;]{0,8}$/).map((text) => `"${text.replaceAll('"', '""')}"`),
    )
    const rows = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom('\n', '\r\n'), async (cells, end) => {
        const text = [['name', 'group', 'uuid'], ...cells.map(([a, b, c]) => [a, b, c])]
          .map((row) => row.join(','))
          .join(end)
        const truth: readonly Record<string, string>[] = parse(text, {
          columns: true,
          trim: true,
          record_delimiter: [end],
        })
        const { rows: read } = await readInput(Buffer.from(text), 'csv')
        const named = read.filter((row): row is DeviceInput => 'csr' in row)
        expect(named.map(({ uuid, name, group }) => [uuid, name, group])).toEqual(
          truth
            .map(({ uuid = '', name = '', group = '' }) => [uuid, name, group].map((one) => one.trim() || null))
            .filter(([uuid]) => uuid !== null),
        )
      }),
      { numRuns: 300 },
    )
  })
})

describe('JSON lines', () => {
  test("have fpki's members or AWS's", async () => {
    const lines = [
      { uuid: UUID, csr: PEM, 'hardware-id': 'imx8', serial: '7', production: true, name: null, more: { a: 1 } },
      { ThingName: UUID, SerialNumber: '8', CSR: PEM },
    ]
    const { format, rows } = await readInput(
      Buffer.from(`${lines.map((line) => JSON.stringify(line)).join('\r\n')}\n\n`),
    )
    expect(format).toBe('jsonl')
    expect(rows).toEqual([
      device('line 1', { uuid: UUID, csr: PEM, hardwareId: 'imx8', serialNumber: '7', isProduction: true }),
      device('line 2', { uuid: UUID, csr: PEM, serialNumber: '8' }),
    ])
  })

  test.each([
    [
      'no JSON',
      `{"uuid":"${UUID}"}\n{"uuid":\n{"uuid":"${UUID}"}`,
      [`line 1: ${UUID}`, 'line 2: it is not a JSON object', `line 3: ${UUID}`],
    ],
    [
      'no object',
      `{"uuid":"${UUID}"}\n[1]\n"a"\nnull\n7\n`,
      [`line 1: ${UUID}`, ...[2, 3, 4, 5].map((at) => `line ${at}: it is not a JSON object`)],
    ],
    ['a number', '{"uuid":7}', ['line 1: uuid must be a string']],
    ['a name twice', `{"uuid":"x","uuid":"${UUID}"}`, [`line 1: ${UUID}`]],
    [
      'keys of prototypes',
      `{"__proto__":{"uuid":"x","csr":"y"},"constructor":{"name":"z"},"uuid":"${UUID}"}`,
      [`line 1: ${UUID}`],
    ],
    ['only keys of prototypes', `{"__proto__":{"uuid":"${UUID}"}}`, ['line 1: it has neither a request nor a uuid']],
    [
      'a certificate',
      JSON.stringify({ csr: somePem('CERTIFICATE') }),
      ['line 1: it is a certificate, not a certificate request'],
    ],
    [
      'two requests',
      JSON.stringify({ csr: PEM + PEM }),
      ['line 1: it has more than one PEM block; a file or cell has one request'],
    ],
    ['base64 only', '{"csr":"MIIBAAAA"}', ['line 1: it is base64 without the BEGIN and END lines of PEM']],
    [
      'a long line',
      `{"csr":"${'A'.repeat(10_000_000)}"}\n{"uuid":"${UUID}"}`,
      ['line 1: the line is too long', `line 2: ${UUID}`],
    ],
    ['an array', `[{"uuid":"${UUID}"}]`, ['Cannot read stdin: it is a JSON array, not JSON lines.']],
    [
      'a document',
      `{\n  "uuid": "${UUID}"\n}`,
      ['Cannot read stdin: it is a JSON document of several lines, not JSON lines.'],
    ],
    [
      'deep nesting',
      `{"a":${'['.repeat(60_000)}\n{"uuid":"${UUID}"}`,
      ['line 1: it is not a JSON object', `line 2: ${UUID}`],
    ],
  ])('%s', async (_, text, expected) => {
    expect(await outcomes(text)).toEqual(expected)
  })
})

describe('PEM', () => {
  test.each([
    [
      'several, with text between',
      `# a\n${PEM}\nsubject=/CN=\xfc\n${somePem('NEW CERTIFICATE REQUEST')}`,
      ['line 2: a request', 'line 15: a request'],
    ],
    ['CRLF and a byte order mark', `\ufeff${PEM.replaceAll('\n', '\r\n')}`, ['line 1: a request']],
    [
      'a certificate',
      somePem('CERTIFICATE') + PEM,
      ['line 1: it is a certificate, not a certificate request', 'line 12: a request'],
    ],
    [
      'private keys',
      somePem('PRIVATE KEY') + somePem('EC PRIVATE KEY') + PEM,
      [`line 1: ${PRIVATE_KEY}`, `line 12: ${PRIVATE_KEY}`, 'line 23: a request'],
    ],
    [
      'another kind',
      somePem('DH PARAMETERS') + PEM,
      ['line 1: it is a PEM block of another kind, not a certificate request', 'line 12: a request'],
    ],
    [
      'no end',
      `${PEM.slice(0, 200)}\n${PEM}${PEM.slice(0, 100)}`,
      ['line 1: the request has no END line', 'line 5: a request', 'line 16: the request has no END line'],
    ],
    [
      'a long block',
      `-----BEGIN CERTIFICATE REQUEST-----\n${'AAAA\n'.repeat(20_000)}-----END CERTIFICATE REQUEST-----\n${PEM}`,
      ['line 1: the request is too large', 'line 20003: a request'],
    ],
    [
      'a long line in a block',
      `-----BEGIN CERTIFICATE REQUEST-----\n${'A'.repeat(1_000_000)}\n-----END CERTIFICATE REQUEST-----\n${PEM}`,
      ['line 1: the request is too large', 'line 4: a request'],
    ],
  ])('%s', async (_, text, expected) => {
    expect(await outcomes(text)).toEqual(expected)
  })

  test('without a block is an error', async () => {
    expect(await outcomes('some text\n', 'pem')).toEqual(['Cannot read stdin: it has no PEM block.'])
  })

  test('of a private key, nothing is in the rows', async () => {
    const { rows } = await readInput(Buffer.from(somePem('EC PRIVATE KEY')))
    expect(rows).toEqual([{ at: 'line 1', problem: PRIVATE_KEY }])
  })
})

test('a list of UUIDs has comments and empty lines', async () => {
  const text = `# line 4\n${UUID}\n\n ${UUID.toUpperCase()} \r\nno UUID\n${'7'.repeat(300)}`
  const { format, rows } = await readInput(Buffer.from(text))
  expect(format).toBe('uuids')
  expect(rows).toEqual([
    device('line 2', { uuid: UUID }),
    device('line 4', { uuid: UUID.toUpperCase() }),
    device('line 5', { uuid: 'no UUID' }),
    { at: 'line 6', problem: 'the line is too long' },
  ])
})
