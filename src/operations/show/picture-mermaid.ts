import { dateOf } from '../../day.js'
import { CERTIFICATE_STATES, type Hierarchy, type HierarchyCertificate, stateText } from './hierarchy.js'
import { LIGHT } from './palette.js'
import { lineText } from './picture-box.js'
import { shownText } from './picture-text.js'

/** A hierarchy as a flowchart of Mermaid, which Git forges draw in Markdown. */
export function hierarchyMermaid({ root, crossCertificates, servers, deviceCas, otherLines }: Hierarchy): string {
  const below = [
    ...[...crossCertificates, ...servers].map((certificate) => ({ certificate, lines: [] })),
    ...deviceCas,
    ...(otherLines.length === 0 ? [] : [{ certificate: null, lines: otherLines }]),
  ]
  const nodes = below.flatMap(({ certificate, lines }, at) => [
    certificate === null ? `c${at}["Other device CAs"]` : node(`c${at}`, certificate),
    `root --> c${at}`,
    ...lines.flatMap((line, number) => [
      `c${at}l${number}(["line ${escapeLabel(line.name)}<br/>${escapeLabel(lineText(line))}"])`,
      `c${at} --> c${at}l${number}`,
    ]),
  ])
  const rootNode = root === null ? 'root["factory_ca.pem<br/>MISSING OR UNREADABLE"]' : node('root', root)
  return ['flowchart TD', rootNode, ...nodes, ...classes()]
    .map((line, at) => `${at === 0 ? '' : '  '}${line}\n`)
    .join('')
}

function node(id: string, certificate: HierarchyCertificate): string {
  const { name, subject, state, notBefore, notAfter } = certificate
  // On two lines: Mermaid breaks long ones, even within a date.
  const validity = [`from ${dateOf(notBefore)}`, `until ${dateOf(notAfter)}`]
  const label = [name, subject, stateText(certificate), ...validity].map(escapeLabel).join('<br/>')
  return `${id}["${label}"]:::${classOf(state)}`
}

function classes(): readonly string[] {
  const { box, states } = LIGHT
  return CERTIFICATE_STATES.map(
    (state) => `classDef ${classOf(state)} fill:${box},stroke:${states[state]},color:${states[state]}`,
  )
}

/** Mermaid reads `-` and `end` in names of classes as its own. */
function classOf(state: HierarchyCertificate['state']): string {
  return `is${state.replaceAll('-', '')}`
}

/** Text of a quoted label: whatever could be markup or Mermaid's syntax is a numeric entity of Mermaid's. */
function escapeLabel(text: string): string {
  return shownText(text).replace(/[^\p{L}\p{N}\p{M} ,.:/-]/gu, (character) => `#${character.codePointAt(0)};`)
}
