import type { Block, Cell } from './document.js'
import type { PkiReport } from './model.js'

/** The looks of states; a notice is plain. */
const STATUS = {
  ok: { style: 'valid' },
  notice: {},
  warning: { style: 'expiring' },
  failure: { style: 'expired' },
} as const
const SEVERITY = { error: STATUS.failure, warning: STATUS.warning, notice: STATUS.notice } as const

/** The findings of the audit, as of `ca verify`. */
export function findingBlocks({ findings, warnDays }: PkiReport): readonly Block[] {
  const rows = findings.map(({ status, code, message, hint }): readonly Cell[] => [
    { text: status, ...STATUS[status] },
    { text: code },
    { text: message },
    { text: hint ?? '', style: 'prose' },
  ])
  const scope = `The offline checks of \`ca verify\`, warning ${warnDays} days before a certificate expires. The Factory API was not contacted, no passphrase was used, and no token was opened.`
  return [
    { kind: 'text', text: scope },
    { kind: 'table', columns: ['Status', 'Code', 'Finding', 'What to do'], rows },
  ]
}

/** The findings of lint. */
export function lintBlocks({ lint }: PkiReport): readonly Block[] {
  if (lint.length === 0) return [{ kind: 'text', text: 'None in any certificate, request or CRL of the directory.' }]
  const rows = lint.map(({ severity, file, code, reason, cite }): readonly Cell[] => [
    { text: severity, ...SEVERITY[severity] },
    { text: file },
    { text: code },
    { text: reason },
    { text: cite },
  ])
  return [{ kind: 'table', columns: ['Severity', 'File', 'Code', 'Finding', 'Source'], rows }]
}
