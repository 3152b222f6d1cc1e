import { counted } from '../../counted.js'
import { dateOf } from '../../day.js'
import { PKI_FILES } from '../../directory/names.js'
import { describeProof } from '../backup/age.js'
import { stateText } from '../show/hierarchy.js'
import type { Block, Cell, Fact } from './document.js'
import type { KeyHolder, PkiReport } from './model.js'
import { isAboutDevices } from './record-sections.js'

/** What the reader of one section has to know. */
export function summaryBlocks(report: PkiReport): readonly Block[] {
  const { factory, directory, at, version, keys } = report
  // Also when its certificate is unreadable.
  const rootKey = keys.find(({ certificate }) => certificate === PKI_FILES.rootCertificate)
  const facts: readonly Fact[] = [
    ['Factory', { text: factory ?? 'unknown' }],
    ['PKI directory', { text: directory, style: 'code' }],
    ['Time of the report', { text: at }],
    ['Written by', { text: `fpki ${version}` }],
    ['Audit', auditCell(report)],
    ['Lint', lintCell(report)],
    ['Root key', rootKey === undefined ? { text: 'unknown' } : keyCell(rootKey)],
    ['Current certificates', { text: certificatesText(report) }],
    ['Audit log', auditLogCell(report)],
    ['Newest backup', backupCell(report)],
    ['Devices', devicesCell(report)],
  ]
  return [{ kind: 'facts', facts }]
}

/**
 * Where a key is. What is in a file without a passphrase stands out, also a copy of a key in a token, or another key in the place
 * of the right one.
 */
export function keyCell({ place, file, text }: Pick<KeyHolder, 'place' | 'file' | 'text'>): Cell {
  return file !== null && place !== 'encrypted-file' ? { text, style: 'expiring' } : { text }
}

function auditCell({ result, findings }: PkiReport): Cell {
  const count = (status: 'warning' | 'failure') => findings.filter((one) => one.status === status).length
  const warnings = counted(count('warning'), 'warning')
  switch (result) {
    case 'ok':
      return { text: 'passed', style: 'valid' }
    case 'warning':
      return { text: `passed, with ${warnings}`, style: 'expiring' }
    case 'failure':
      return { text: `FAILED: ${counted(count('failure'), 'failure')}, ${warnings}`, style: 'expired' }
  }
}

function lintCell({ lint }: PkiReport): Cell {
  const words = (['error', 'warning', 'notice'] as const).flatMap((severity) => {
    const count = lint.filter((one) => one.severity === severity).length
    return count === 0 ? [] : [counted(count, severity)]
  })
  if (words.length === 0) return { text: 'no findings', style: 'valid' }
  return { text: words.join(', '), style: lint.some(({ severity }) => severity === 'error') ? 'expired' : 'expiring' }
}

/** How many certificates that are not valid the summary names. */
const MOST_NAMES = 5

function certificatesText({ certificates }: PkiReport): string {
  const current = certificates.filter((one) => one.current)
  const others = current.filter(({ state }) => state !== 'valid')
  const names = others.slice(0, MOST_NAMES).map((one) => `${one.name} (${stateText(one)})`)
  const more = others.length - names.length
  const states = [...names, ...(more === 0 ? [] : [`${more} more`])].join(', ')
  if (states === '') return current.length === 0 ? 'none' : `${current.length}, all valid`
  return `${current.length}; of these: ${states}`
}

function auditLogCell({ auditLog }: PkiReport): Cell {
  if (auditLog === null) return { text: 'none' }
  const { lines, problems } = auditLog
  return problems.length > 0
    ? { text: `DAMAGED: ${counted(problems.length, 'problem')}`, style: 'expired' }
    : { text: `${counted(lines, 'line')}, unbroken`, style: 'valid' }
}

function backupCell({ backup, kit }: PkiReport): Cell {
  if (backup !== null) return { text: `${backup.madeAt}, ${describeProof(backup, dateOf)}` }
  return { text: 'none recorded', ...(kit ? {} : { style: 'expiring' }) }
}

function devicesCell({ devices, findings }: PkiReport): Cell {
  if (devices !== null) return { text: String(devices.devices) }
  const why = findings.find(isAboutDevices)
  if (why === undefined) return { text: 'no device register' }
  return why.status === 'ok' ? { text: why.message } : { text: 'the device register cannot be read', style: 'expired' }
}
