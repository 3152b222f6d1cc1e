import type { Block, Cell } from './document.js'
import type { PkiReport } from './model.js'

const STATUS = { ok: 'valid', notice: 'not-yet-valid', warning: 'expiring', failure: 'expired' } as const
const SEVERITY = { error: 'expired', warning: 'expiring', notice: 'not-yet-valid' } as const

/** The findings of the audit, as of `ca verify`. */
export function findingBlocks({ findings, warnDays }: PkiReport): readonly Block[] {
  const rows = findings.map(({ status, code, message, hint }): readonly Cell[] => [
    { text: status, style: STATUS[status] },
    { text: code },
    { text: message },
    { text: hint ?? '' },
  ])
  const scope = `The offline checks of \`ca verify\`, warning ${warnDays} days before a certificate expires. The Factory API was not contacted, no passphrase was used, and no token was opened.`
  return [
    { kind: 'text', text: scope },
    { kind: 'table', columns: ['Status', 'Code', 'Finding', 'What to do'], rows },
  ]
}

/** The findings of lint. */
export function lintBlocks({ lint }: PkiReport): readonly Block[] {
  if (lint.length === 0)
    return [{ kind: 'text', text: 'None: no certificate, request or CRL in the directory has any.' }]
  const rows = lint.map(({ severity, file, code, reason, cite }): readonly Cell[] => [
    { text: severity, style: SEVERITY[severity] },
    { text: file },
    { text: code },
    { text: reason },
    { text: cite },
  ])
  return [{ kind: 'table', columns: ['Severity', 'File', 'Code', 'Finding', 'Source'], rows }]
}
