import { describe, expect, test } from 'vitest'
import { CERTIFICATE_STATES } from '../../../src/operations/show/hierarchy.js'
import { DARK, LIGHT, MARKS, type Palette } from '../../../src/operations/show/palette.js'
import { hierarchyMermaid } from '../../../src/operations/show/picture-mermaid.js'
import { hierarchySvg, hierarchySvgFile } from '../../../src/operations/show/picture-svg.js'
import { fitLines, widthOf } from '../../../src/operations/show/picture-text.js'
import { output } from '../../support/cli.js'
import { contrast } from '../../support/contrast.js'
import { HOSTILE, hierarchyWith, hostileCertificates, lineOf, pictured } from '../report/scene.js'

/** Reads XML with expat, in Python, and prints what a viewer would see: the names of elements, and the text of `text`. */
const PARSE = `
import sys, json, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
name = lambda one: one.tag.split('}')[1]
print(json.dumps({'root': root.tag, 'elements': sorted({name(one) for one in root.iter()}),
  'attributes': sorted({key for one in root.iter() for key in one.attrib}),
  'texts': [''.join(one.itertext()) for one in root.iter() if name(one) == 'text'],
  'titles': [one.text for one in root.iter() if name(one) == 'title']}))
`

interface Parsed {
  readonly root: string
  readonly elements: readonly string[]
  readonly attributes: readonly string[]
  readonly texts: readonly string[]
  readonly titles: readonly string[]
}

async function parsed(svg: string): Promise<Parsed> {
  return JSON.parse(await output('python3', ['-c', PARSE], { stdin: svg }))
}

/** All that a picture is made of. */
const ELEMENTS = ['g', 'path', 'rect', 'style', 'svg', 'text', 'title']

describe('the picture of a hierarchy as SVG', () => {
  test('has the root, its certificates and their lines, with the state of each in words', async () => {
    const ca = pictured({ name: 'plant-b.pem', state: 'disabled' })
    const revoked = pictured({ name: 'plant-c.pem', state: 'revoked' })
    const lines = [lineOf('a', ca.fingerprint), lineOf('b', ca.fingerprint, 'closed'), lineOf('lost', 'ff')]
    const { root, elements, texts } = await parsed(hierarchySvgFile(hierarchyWith([pictured(), ca, revoked], lines)))
    expect(root).toBe('{http://www.w3.org/2000/svg}svg')
    expect(elements).toEqual(ELEMENTS)
    expect(texts).toEqual(
      expect.arrayContaining(['factory_ca.pem', 'local-ca.pem', 'plant-b.pem', 'DISABLED', 'plant-c.pem', 'REVOKED']),
    )
    expect(texts).toEqual(expect.arrayContaining(['line a', 'line b', '1234567 devices, CLOSED', 'Other device CAs']))
  })

  test('has what the root has signed for other roots', async () => {
    const hierarchy = hierarchyWith([pictured({ role: 'cross', name: 'factory_ca.cross-0f0f0f0f.pem' })])
    const { titles } = await parsed(hierarchySvgFile(hierarchy))
    expect(titles.filter((title) => title.startsWith('factory_ca.cross-0f0f0f0f.pem: '))).toHaveLength(1)
    expect(hierarchyMermaid(hierarchy)).toMatch(/c0\["factory#95;ca\.cross-0f0f0f0f\.pem/)
  })

  test('has a mark of its own for each state, and draws it', () => {
    expect(new Set(Object.values(MARKS)).size).toBe(CERTIFICATE_STATES.length)
    const certificates = CERTIFICATE_STATES.map((state) => pictured({ name: `${state}.pem`, state }))
    const svg = hierarchySvgFile(hierarchyWith(certificates))
    for (const state of CERTIFICATE_STATES) expect(svg).toContain(`class="k-mark k-${state}"`)
    for (const state of CERTIFICATE_STATES) expect(svg).toContain(`d="${MARKS[state]}"`)
  })

  test('is well-formed and inert whatever the names are, which its titles have in full', async () => {
    const svg = hierarchySvgFile(hierarchyWith(hostileCertificates(), [lineOf(HOSTILE.markup, null)]))
    const { elements, attributes, titles } = await parsed(svg)
    expect(elements).toEqual(ELEMENTS)
    expect(attributes.filter((name) => /^on|href|src/.test(name))).toEqual([])
    expect(titles.some((title) => title.includes(HOSTILE.markup))).toBe(true)
    expect(titles.some((title) => title.includes(HOSTILE.cjk))).toBe(true)
    expect(titles.some((title) => title.includes('abc\\u202edef\\u2066ghi'))).toBe(true)
    expect(svg).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u0000]/)
  })

  test('is the same for the same hierarchy', () => {
    const draw = () => hierarchySvgFile(hierarchyWith(hostileCertificates()))
    expect(draw()).toBe(draw())
  })

  test('of a PKI without a root certificate, or with nothing but one, is drawn', async () => {
    const nothing = {
      factory: 'acme',
      at: '2026-11-27T00:00:00Z',
      root: null,
      ...{ crossCertificates: [], servers: [] },
      deviceCas: [],
      otherLines: [],
    }
    expect((await parsed(hierarchySvgFile(nothing))).texts).toContain('MISSING OR UNREADABLE')
    expect((await parsed(hierarchySvgFile(hierarchyWith([])))).texts).toContain('factory_ca.pem')
  })

  test('of 100 device CAs is about as wide as high, or divided into parts that fit on a page', async () => {
    const many = hierarchyWith(Array.from({ length: 100 }, (_, at) => pictured({ name: `ca-${at}.pem` })))
    const [, width = 0, height = 0] = (/viewBox="0 0 (\d+) (\d+)"/.exec(hierarchySvgFile(many)) ?? []).map(Number)
    expect(Math.max(width / height, height / width)).toBeLessThan(2)
    const parts = hierarchySvg(many, { columns: 3, maxLines: 8, maxHeight: 1000, isFile: false })
    const heights = parts.map((part) => Number(/viewBox="0 0 \d+ (\d+)"/.exec(part)?.[1]))
    expect(Math.max(...heights)).toBeLessThanOrEqual(1000)
    expect(parts.flatMap((part) => part.match(/>ca-\d+\.pem</g) ?? [])).toHaveLength(100)
  })

  test('of a device CA with many lines counts those that are not drawn', async () => {
    const ca = pictured()
    const lines = Array.from({ length: 20 }, (_, at) => lineOf(`line-${at}`, null))
    const [part = ''] = hierarchySvg(hierarchyWith([ca], lines), {
      columns: 1,
      maxLines: 8,
      maxHeight: null,
      isFile: true,
    })
    const { texts } = await parsed(part)
    expect(texts).toEqual(expect.arrayContaining(['12 more lines', `${12 * 1_234_567} devices`]))
  })
})

describe('text in a box', () => {
  test.each(Object.entries(HOSTILE))('is never wider than the box: %s', (_, text) => {
    const lines = fitLines(text, { size: 11, width: 212, count: 2 })
    expect(lines.length).toBeLessThanOrEqual(2)
    for (const line of lines) expect(widthOf(line, 11)).toBeLessThanOrEqual(212)
  })

  test('breaks after spaces, and ends with an ellipsis where it is cut off', () => {
    const words = 'CN=fio-0123456789abcdef, OU=a-factory-with-a-long-name, O=Example'
    const [first = '', second = ''] = fitLines(words, { size: 11, width: 212, count: 2 })
    expect(first).toMatch(/,$/)
    expect(second).toMatch(/…$/)
    expect(fitLines('local-ca.pem', { size: 13, width: 188, count: 1 })).toEqual(['local-ca.pem'])
  })
})

describe('the picture of a hierarchy as Mermaid', () => {
  test('has a node for each certificate and line, and an arrow to each', () => {
    const ca = pictured({ state: 'revoked' })
    const lines = hierarchyMermaid(hierarchyWith([ca], [lineOf('a', ca.fingerprint), lineOf('b', 'ff')])).split('\n')
    expect(lines[0]).toBe('flowchart TD')
    expect(lines.filter((line) => line.includes('-->')).map((line) => line.trim())).toEqual([
      ...['root --> c0', 'c0 --> c0l0', 'root --> c1', 'c1 --> c1l0'],
    ])
    expect(lines[2]).toMatch(/^ {2}c0\["local-ca\.pem<br\/>.*REVOKED.*"\]:::isrevoked$/)
  })

  test('has nothing of a hostile name but letters, digits and entities', () => {
    const text = hierarchyMermaid(hierarchyWith(hostileCertificates(), [lineOf(HOSTILE.mermaid, null)]))
    for (const label of text.match(/(?<=")[^\n]*(?=")/g) ?? [])
      expect(label.replaceAll('<br/>', '')).toMatch(/^(?:[\p{L}\p{N}\p{M} ,.:/-]|#\d+;)*$/u)
    expect(text).not.toMatch(/^\s*click/m)
  })
})

describe('the colours of pictures and reports', () => {
  const readable = ({ text, muted, states }: Palette) => Object.entries({ text, muted, ...states })

  test.each([['light', LIGHT] as const, ['dark', DARK] as const])(
    'have a contrast of at least 4.5: %s',
    (_, palette) => {
      const weak = readable(palette).filter(
        ([, colour]) => Math.min(contrast(colour, palette.paper), contrast(colour, palette.box)) < 4.5,
      )
      expect(weak).toEqual([])
    },
  )
})
