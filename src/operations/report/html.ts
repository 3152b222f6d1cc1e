import { dateOf } from '../../day.js'
import { escapeMarkup } from '../../printable.js'
import { type HierarchyCertificate, stateText } from '../show/hierarchy.js'
import { MARKS } from '../show/palette.js'
import { hierarchySvg } from '../show/picture-svg.js'
import { needsForcedWidth, shownText } from '../show/picture-text.js'
import type { Block, Cell, Fact, ReportDocument, Section } from './document.js'
import { pageStyle } from './html-style.js'
import { scaleOf } from './scale.js'

/** A report as one page of HTML, without scripts or anything from elsewhere. */
export function reportHtml({ title, sections }: ReportDocument): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>
${pageStyle()}
</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<nav aria-label="Sections">
<ul>
${sections.map(({ id, title: name }) => `<li><a href="#${id}">${escaped(name)}</a></li>`).join('\n')}
</ul>
</nav>
<main>
${sections.map(section).join('\n')}
</main>
</body>
</html>
`
}

function escaped(text: string): string {
  return escapeMarkup(shownText(text))
}

function section({ id, title, blocks }: Section): string {
  return `<section id="${id}">\n<h2>${escaped(title)}</h2>\n${blocks.map(block).join('\n')}\n</section>`
}

function block(one: Block): string {
  switch (one.kind) {
    case 'text':
      return `<p>${prose(one.text)}</p>`
    case 'facts':
      return facts(one.facts)
    case 'table':
      return table(one)
    case 'record':
      return `<div class="record">\n<h3>${cell(one.title)}</h3>\n${facts(one.facts)}\n</div>`
    case 'picture':
      return picture(one)
    case 'timeline':
      return timeline(one)
  }
}

function facts(all: readonly Fact[]): string {
  return `<dl>\n${all.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${cell(value)}</dd>`).join('\n')}\n</dl>`
}

function table({ columns, rows }: Extract<Block, { kind: 'table' }>): string {
  const head = columns.map((name) => `<th scope="col">${escaped(name)}</th>`).join('')
  const label = (at: number) => escaped(columns[at] ?? '')
  const body = rows.map(
    (row) =>
      `<tr>${row.map((one, at) => `<td${isLong(one) ? ' class="long"' : ''} data-label="${label(at)}">${cell(one)}</td>`).join('')}</tr>`,
  )
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body.join('\n')}\n</tbody>\n</table>`
}

/** Whether a cell may be broken anywhere: its words would make a table too wide for a page. */
function isLong({ text }: Cell): boolean {
  const shown = shownText(text)
  return /\S{21}/.test(shown) || needsForcedWidth(shown)
}

function cell({ text, style }: Cell): string {
  if (style === undefined || text === '') return isLong({ text }) ? longText(text) : escaped(text)
  if (style === 'code') return `<code>${breakable(escaped(text))}</code>`
  if (style === 'prose') return prose(text)
  const mark = `<svg class="mark" viewBox="0 0 14 14" aria-hidden="true"><path class="k-mark k-${style}" d="${MARKS[style]}"/></svg>`
  return `<span class="s-${style}">${mark}${escaped(text)}</span>`
}

/** Paths break after a slash or before an anchor, if there are any. */
function longText(text: string): string {
  return shownText(text)
    .split(/(?<=\/)|(?=#)/)
    .map(escapeMarkup)
    .join('<wbr>')
}

/** Fingerprints and serial numbers break after eight octets, and never within one. */
function breakable(text: string): string {
  return /^(?:[0-9A-F]{2}:)+[0-9A-F]{2}$/.test(text) ? text.replace(/(?:..:){8}/g, '$&<wbr>') : text
}

/** Text with its commands as code, so that nobody copies the backticks. */
function prose(text: string): string {
  return escaped(text).replace(/`([^`]+)`/g, '<code>$1</code>')
}

/** How high a part of the picture may be, so that it fits on a page of A4 with the heading. */
const PART_HEIGHT = 1000
const MAX_LINES = 8

/** In three columns for paper and wide screens, in one for phones. */
function picture({ hierarchy }: Extract<Block, { kind: 'picture' }>): string {
  const layout = { maxLines: MAX_LINES, isFile: false }
  const wide = hierarchySvg(hierarchy, { ...layout, columns: 3, maxHeight: PART_HEIGHT })
  const narrow = hierarchySvg(hierarchy, { ...layout, columns: 1, maxHeight: null })
  return [
    `<div class="picture wide">\n${wide.join('\n')}\n</div>`,
    `<div class="picture narrow">\n${narrow.join('\n')}\n</div>`,
  ].join('\n')
}

function timeline({ at, rows }: Extract<Block, { kind: 'timeline' }>): string {
  if (rows.length === 0) return '<p>No certificate can be read.</p>'
  const scale = scaleOf(rows, at)
  const item = (row: HierarchyCertificate) => {
    const [begin, end] = [scale.at(row.notBefore), scale.at(row.notAfter)]
    const bar = `<rect class="k-bar k-${row.state}" x="${begin}" y="1" width="${Math.max(4, end - begin)}" height="8"/>`
    const now = `<rect class="k-name" x="${scale.at(at) - 1}" width="2" height="10"/>`
    const dates = `${dateOf(row.notBefore)} to ${dateOf(row.notAfter)}`
    return [
      '<li>',
      `<p><strong>${escaped(row.name)}</strong><span>${dates}</span>${cell({ text: stateText(row), style: row.state })}</p>`,
      `<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="k-rest" y="4" width="1000" height="2"/>${bar}${now}</svg>`,
      '</li>',
    ].join('\n')
  }
  return [
    `<p class="muted">The bars are on one scale; the vertical line is the time of the report, ${dateOf(at)}.</p>`,
    `<p class="scale muted"><span>${scale.begin}</span><span>${scale.end}</span></p>`,
    `<ol class="timeline">\n${rows.map(item).join('\n')}\n</ol>`,
  ].join('\n')
}
