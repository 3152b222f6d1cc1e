import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { thisMachine } from '../../../src/machine/index.js'
import { readReport } from '../../../src/operations/report/read-report.js'
import { renderReport } from '../../../src/operations/report/report-pki.js'
import { hierarchySvgFile } from '../../../src/operations/show/picture-svg.js'
import { copiedPki } from '../../cli/made.js'
import { type Browser, startBrowser, type View } from '../../support/browser.js'
import { output, temporaryDirectory } from '../../support/cli.js'
import { contrast } from '../../support/contrast.js'
import { ALL_POINTS } from '../../support/points.js'
import { hierarchyWith, hostile, hostileCertificates, lineOf } from './scene.js'

/** A line of text on the page: where it is, the box that it belongs to, and its colours. */
interface Line {
  readonly text: string
  /** Left, top, right, bottom. */
  readonly at: readonly [number, number, number, number]
  readonly box: readonly [number, number, number, number]
  readonly colour: string
  readonly background: string
}

interface Layout {
  readonly lines: readonly Line[]
  /** How wide the window is, and what is in it. */
  readonly width: number
  readonly scrollWidth: number
}

/** Runs in the page. A text of a picture belongs to the box that is drawn with it. */
const LAYOUT = `(() => {
  const rect = ({ left, top, right, bottom }) => [left, top, right, bottom].map((one) => Math.round(one * 10) / 10)
  const hex = (colour) => '#' + colour.match(/[\\d.]+/g).slice(0, 3).map((one) => Number(one).toString(16).padStart(2, '0')).join('')
  const clear = 'rgba(0, 0, 0, 0)'
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor
      if (colour !== clear) return hex(colour)
    }
    return '#ffffff'
  }
  const lines = []
  const add = (text, at, box, colour, background) => {
    if (at.width > 0 && at.height > 0) lines.push({ text, at: rect(at), box: rect(box), colour, background })
  }
  for (const text of document.querySelectorAll('text')) {
    const drawn = text.closest('g').querySelector('rect')
    const { fill } = getComputedStyle(text)
    const box = drawn.getBoundingClientRect()
    add(text.textContent, text.getBoundingClientRect(), box, hex(fill), hex(getComputedStyle(drawn).fill))
  }
  const walker = document.createTreeWalker(document.body ?? document.documentElement, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.data.trim() === '' || node.parentElement.closest('svg, style')) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    const block = node.parentElement.closest('td, th, dd, dt, li, p, h1, h2, h3')
    const { color } = getComputedStyle(node.parentElement)
    const rects = [...range.getClientRects()]
    for (const one of rects) add(node.data, one, block.getBoundingClientRect(), hex(color), behind(node.parentElement))
  }
  return { lines, width: innerWidth, scrollWidth: document.documentElement.scrollWidth }
})()`

/** What is wrong with a layout: text that leaves its box or the page, lies on other text, or is hard to read. */
function faultsOf({ lines, width, scrollWidth }: Layout): readonly string[] {
  const outside = lines.filter(
    ({ at, box }) => at[0] < box[0] - 1 || at[1] < box[1] - 1 || at[2] > box[2] + 1 || at[3] > box[3] + 1,
  )
  const weak = lines.filter(({ colour, background }) => contrast(colour, background) < 4.5)
  return [
    ...(scrollWidth > width ? [`the page is ${scrollWidth} wide, in a window of ${width}`] : []),
    ...outside.map(({ text, at, box }) => `leaves its box: ${text} ${at} ${box}`),
    ...weak.map(({ text, colour, background }) => `is hard to read: ${text} ${colour} ${background}`),
    ...overlaps(lines),
  ]
}

function overlaps(lines: readonly Line[]): readonly string[] {
  const sorted = lines.toSorted((a, b) => a.at[1] - b.at[1])
  return sorted.flatMap((one, at) => {
    const others = []
    for (const other of sorted.slice(at + 1)) {
      if (other.at[1] >= one.at[3] - 2) break
      if (other.at[0] < one.at[2] - 2 && one.at[0] < other.at[2] - 2) others.push(other)
    }
    return others.map(({ text }) => `lies on other text: ${one.text} / ${text}`)
  })
}

async function expectGoodLayout(browser: Browser, file: string, view: View): Promise<void> {
  const requests = await browser.open(file, view)
  expect(requests).toEqual([`file://${file}`])
  const layout = await browser.evaluate<Layout>(LAYOUT)
  expect(layout.lines.length).toBeGreaterThan(30)
  expect({ view, file, faults: faultsOf(layout).slice(0, 10) }).toEqual({ view, file, faults: [] })
}

const SCREEN: View = { width: 1280, scheme: 'light', media: 'screen' }
const VIEWS: readonly View[] = [
  SCREEN,
  { ...SCREEN, scheme: 'dark' },
  { ...SCREEN, width: 390 },
  { ...SCREEN, width: 390, scheme: 'dark' },
  // A4 without its margins of 14 mm.
  { width: 688, scheme: 'dark', media: 'print' },
]

test('in a browser, text of reports and pictures stays in its box, and nothing is loaded', async () => {
  const folder = await temporaryDirectory()
  const { directory } = await copiedPki()
  const options = { directory, store: null, factory: null, warnDays: 60 }
  const report = await readReport(options, thisMachine())
  const pages = { 'new.html': report, 'hostile.html': hostile(report) }
  for (const [name, one] of Object.entries(pages)) await writeFile(join(folder, name), renderReport(one, 'html'))
  const lines = hostileCertificates().map(({ name, fingerprint }) => lineOf(name, fingerprint, 'closed'))
  await writeFile(join(folder, 'hostile.svg'), hierarchySvgFile(hierarchyWith(hostileCertificates(), lines)))
  const browser = await startBrowser()
  try {
    // Each width, each medium and both colour schemes; `npm run test:all` has all of them.
    const views = ALL_POINTS ? VIEWS : VIEWS.filter((_, at) => [1, 2, 4].includes(at))
    for (const view of views) await expectGoodLayout(browser, join(folder, 'hostile.html'), view)
    if (ALL_POINTS) for (const view of VIEWS) await expectGoodLayout(browser, join(folder, 'new.html'), view)
    for (const scheme of ALL_POINTS ? (['light', 'dark'] as const) : (['dark'] as const))
      await expectGoodLayout(browser, join(folder, 'hostile.svg'), { ...SCREEN, width: 2000, scheme })
    await browser.open(join(folder, 'new.html'), { ...SCREEN, media: 'print' })
    await writeFile(join(folder, 'new.pdf'), await browser.pdf())
  } finally {
    await browser.close()
  }
  const facts = await output('pdfinfo', [join(folder, 'new.pdf')])
  expect(facts).toMatch(/^Page size: +59\d(\.\d+)? x 84[12](\.\d+)? pts \(A4\)$/m)
  const text = await output('pdftotext', ['-layout', join(folder, 'new.pdf'), '-'])
  expect(text).toContain('Report on the PKI of the factory acme')
  for (const { name } of report.certificates) expect(text).toContain(name)
})
