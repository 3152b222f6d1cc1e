import { PKI_FILES } from '../../../directory/names.js'
import { type Finding as LintFinding, lint, type Role, readFileItems } from '../../../lint/index.js'
import type { CertificateRole } from '../../../pki/describe.js'
import { sameRoot } from '../../../pki/same-root.js'
import type { AuditContext } from './context.js'
import { type Finding, failed, ROOT_STAYS } from './finding.js'

const LINT_ROLE: Readonly<Record<CertificateRole, Role>> = {
  root: 'root',
  cross: 'cross',
  tls: 'tls',
  'est-tls': 'tls',
  'online-ca': 'device-ca',
  'local-ca': 'device-ca',
}

/** Codes of lint that other groups of checks cover. */
const COVERED_ELSEWHERE: ReadonlySet<string> = new Set([
  ...['serial-zero', 'serial-negative', 'serial-too-long', 'serial-not-random', 'serial-twice'],
  ...['expired', 'not-yet-valid', 'signature-wrong', 'issuer-unknown', 'not-by-root', 'issuer-not-ca', 'key-of-a-ca'],
])

const OF_ANOTHER_FACTORY: ReadonlySet<string> = new Set(['unit-missing', 'unit-of-another-factory'])

/** Lints each certificate against the profile of its role (docs/profile.md#profiles). */
export function checkProfiles(context: AuditContext): readonly Finding[] {
  const { certificates, earlier, root, factory, now } = context
  const items = certificates.flatMap(
    ({ file, role, certificate }) => readFileItems(certificate.der, file, LINT_ROLE[role]).items,
  )
  const renewed = earlier.filter((one) => root !== null && sameRoot(one, root))
  const additional = renewed.flatMap(({ der }) => readFileItems(der, `${PKI_FILES.rootCertificate}.bak`, 'root').items)
  const { findings } = lint(items, additional, { factory, now })
  const relevant = findings.filter((one) => !COVERED_ELSEWHERE.has(one.code) && !isOfRenewedRoot(one, context))
  return certificates.flatMap(({ file, role }) =>
    (['profile.factory', 'profile.broken', 'profile.key-id', 'profile.differs'] as const).flatMap((code) => {
      const matching = relevant.filter((one) => one.file === file && codeOf(one) === code)
      if (matching.length === 0) return []
      const what = code === 'profile.differs' ? `${file} deviates from its profile but works` : file
      const hint = code === 'profile.differs' && role === 'root' ? ROOT_STAYS : undefined
      return [failed(code, file, `${what}: ${matching.map(inWords).join('; ')}.`, hint)]
    }),
  )
}

/** A kit has only the root certificate of its day, and not the earlier one whose beginning a renewed root keeps. */
function isOfRenewedRoot({ file, code }: LintFinding, { directory }: AuditContext): boolean {
  return directory.kit !== null && file === PKI_FILES.rootCertificate && code === 'validity-too-long'
}

function codeOf({ code, severity }: LintFinding) {
  if (OF_ANOTHER_FACTORY.has(code)) return 'profile.factory'
  if (code === 'ca-subject-key-id-not-sha1') return 'profile.key-id'
  return severity === 'error' ? 'profile.broken' : 'profile.differs'
}

/** With the code, so that it can be looked up in docs/lint.md. */
function inWords({ reason, code }: LintFinding): string {
  return `${reason} (${code})`
}
