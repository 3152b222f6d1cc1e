import { counted } from '../../counted.js'
import { shellWord } from '../../shell-word.js'
import { describeProof } from '../backup/age.js'
import type { Block, Cell, Fact } from './document.js'
import { SECTION_TITLES, type SectionId } from './evidence.js'
import type { PkiReport } from './model.js'

const SIGNED_NEXT = 'the next command that uses the root key signs them'

/** The audit log: how long it is, and what the root has signed of it. */
export function logBlocks({ auditLog, kit }: PkiReport): readonly Block[] {
  if (auditLog === null) {
    const text = kit ? 'A kit has an audit log once it has issued.' : 'None: it begins with the first change by fpki.'
    return [{ kind: 'text', text }]
  }
  const { lines, signed, signature, unsigned, problems } = auditLog
  const checked = signed === null ? 'the chain is unbroken' : 'the chain is unbroken, and the signature verifies'
  const facts: readonly Fact[] = [
    ['Lines', { text: String(lines) }],
    [
      'Signed by the root',
      { text: signed === null ? 'no line yet' : `up to line ${signed.line}, recorded at ${signed.at}` },
    ],
    ['SHA-256 of that line', { text: signed?.hash ?? '', style: 'code' }],
    ['Signature (DER, base64)', { text: signature ?? '', style: 'code' }],
    ['Lines after it', { text: unsigned === 0 || kit ? String(unsigned) : `${unsigned}; ${SIGNED_NEXT}` }],
    ['Check', problems.length > 0 ? { text: 'DAMAGED', style: 'expired' } : { text: checked, style: 'valid' }],
  ]
  const rows = problems.map((text): readonly Cell[] => [{ text, style: 'expired' }])
  return [
    { kind: 'facts', facts: facts.filter(([, { text }]) => text !== '') },
    ...(rows.length === 0 ? [] : [{ kind: 'table' as const, columns: ['Problem'], rows }]),
  ]
}

/** Devices, lines and the audit log go on without a change of the PKI. */
const UNCHANGED = 'fpki has changed no keys or certificates; devices and the audit log are not considered'

/** The newest backup, and when it was last proven. */
export function backupBlocks({ backup, kit, directory }: PkiReport): readonly Block[] {
  if (backup === null) {
    const text = kit
      ? 'None recorded: a kit can be exported again.'
      : `None recorded. To write one: \`fpki ca backup ${shellWord(directory)} --out FILE\`.`
    return [{ kind: 'text', text }]
  }
  const { madeAt, file, daysOld, outdated } = backup
  const facts: readonly Fact[] = [
    ['Written', { text: `${madeAt} (${counted(daysOld, 'day')} old)` }],
    ['File', { text: file, style: 'code' }],
    [
      'Last proof',
      { text: describeProof(backup, (time) => time), ...(backup.provedAt === null ? { style: 'expiring' } : {}) },
    ],
    ['Changes since', outdated ? { text: 'the PKI has changed', style: 'expiring' } : { text: UNCHANGED }],
  ]
  return [{ kind: 'facts', facts }]
}

/** Whether a finding says why there is no device register. */
export function isAboutDevices({ code }: PkiReport['findings'][number]): boolean {
  return code === 'devices' || code.startsWith('devices.')
}

/** The device register: its lines, and the devices of each by month. */
export function deviceBlocks({ devices, findings, certificates }: PkiReport): readonly Block[] {
  if (devices === null) {
    const why = findings.find(isAboutDevices)
    return [{ kind: 'text', text: why?.message ?? 'There is no device register.' }]
  }
  const number = (value: number): Cell => ({ text: String(value) })
  const facts: readonly Fact[] = [
    ['Devices', number(devices.devices)],
    ['Of these, in production', number(devices.production)],
    ['Certificates ever recorded', number(devices.certificates)],
  ]
  const lines = devices.lines.map(({ name, state, ca, ...counts }): readonly Cell[] => [
    { text: name },
    state === 'open' ? { text: state } : { text: state, style: 'disabled' },
    caCell(ca, certificates),
    number(counts.devices),
    number(counts.production),
  ])
  const months = devices.months.map(({ line, month, ...counts }): readonly Cell[] => [
    { text: line },
    { text: month },
    number(counts.devices),
    number(counts.production),
  ])
  return [
    { kind: 'facts', facts },
    { kind: 'table', columns: ['Line', 'State', 'Device CA', 'Devices', 'In production'], rows: lines },
    ...(months.length === 0
      ? []
      : [{ kind: 'table' as const, columns: ['Line', 'Month (UTC)', 'Devices', 'In production'], rows: months }]),
  ]
}

/** A device CA by its file, or by its fingerprint if no current one has it. */
function caCell(ca: string | null, certificates: PkiReport['certificates']): Cell {
  const file = ca === null ? 'local-ca.pem' : certificates.find((one) => one.current && one.fingerprint === ca)?.name
  return file === undefined ? { text: `SHA-256 ${ca}` } : { text: file }
}

/** Where to find evidence for headings of standards. */
export function evidenceBlocks({ evidence }: PkiReport): readonly Block[] {
  const rows = evidence.map(({ standard, heading, title, sections }): readonly Cell[] => [
    { text: standard },
    { text: heading },
    { text: title },
    { text: sections.map((id) => SECTION_TITLES[id as SectionId]).join('; ') },
  ])
  const claim = 'This table says where to find evidence. It does not claim that anything conforms to a standard or law.'
  const scope =
    'The evidence is about this PKI and the certificates of devices. It is not about the software of devices, or the keys that sign it.'
  return [
    { kind: 'text', text: claim },
    { kind: 'text', text: scope },
    { kind: 'table', columns: ['Standard', 'Heading', 'Title', 'Sections of this report'], rows },
  ]
}
