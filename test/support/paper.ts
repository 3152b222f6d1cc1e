import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser } from './browser.js'
import { output, runProgram, temporaryDirectory } from './cli.js'

/** A sheet as it came out of the printer. */
export interface Printed {
  readonly pages: number
  /** Width and height in millimetres. */
  readonly size: readonly [number, number]
  /** What a reader of QR codes sees on the page. */
  readonly scanned: string
  /** The text on the page. */
  readonly text: string
  /** The tallest band without ink, margins included, as a part of the page. */
  readonly blank: number
}

/** Prints a sheet with a browser, and looks at the page as a picture. */
export async function print(browser: Browser, sheet: string): Promise<Printed> {
  const folder = await temporaryDirectory()
  const pdf = join(folder, 'sheet.pdf')
  await browser.open(sheet, { width: 800, scheme: 'light', media: 'print' })
  await writeFile(pdf, await browser.pdf())
  const facts = await output('pdfinfo', [pdf])
  const [, width = '0', height = '0'] = /^Page size: +([\d.]+) x ([\d.]+) pts/m.exec(facts) ?? []
  await output('pdftoppm', ['-r', '150', '-gray', '-singlefile', pdf, join(folder, 'page')])
  const picture = join(folder, 'page.pgm')
  return {
    pages: Number(/^Pages: +(\d+)/m.exec(facts)?.[1]),
    size: [toMillimetres(width), toMillimetres(height)],
    // It says on stderr that there is no D-Bus.
    scanned: (await runProgram('zbarimg', ['--raw', '-q', '-Sdisable', '-Sqrcode.enable', picture])).stdout,
    text: await output('pdftotext', ['-layout', pdf, '-']),
    blank: blankPart(await readFile(picture)),
  }
}

/** Of a grey picture (PGM): a header, then an octet for each point. */
function blankPart(picture: Buffer): number {
  const [header = '', width = '', height = ''] = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(picture.toString('latin1')) ?? []
  const rows = Array.from({ length: Number(height) }, (_, at) => {
    const start = header.length + at * Number(width)
    return picture.subarray(start, start + Number(width)).every((point) => point === 255) ? ' ' : 'x'
  })
  const bands = rows.join('').split(/x+/)
  return Math.max(...bands.map((band) => band.length)) / rows.length
}

function toMillimetres(points: string): number {
  return Math.round((Number(points) / 72) * 25.4)
}

/** The lines of a sheet that a person would type, from its HTML. */
export async function linesOf(sheet: string): Promise<readonly string[]> {
  const html = await readFile(sheet, 'utf8')
  const blocks = [...html.matchAll(/<pre>([\s\S]*?)<\/pre>/g)].map(([, block = '']) => block)
  return blocks.flatMap((block) => block.split('\n'))
}
