import { type Finding as LintFinding, lint, type Role, readFileItems } from '../../../lint/index.js'
import type { CertificateRole } from '../../../pki/describe.js'
import { type Finding, found, ROOT_STAYS } from './finding.js'
import type { Scene } from './scene.js'

const LINT_ROLE: Readonly<Record<CertificateRole, Role>> = {
  root: 'root',
  tls: 'tls',
  'est-tls': 'tls',
  'online-ca': 'device-ca',
  'local-ca': 'device-ca',
}

/** What lint finds and another group of checks tells. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  ...['serial-zero', 'serial-negative', 'serial-too-long', 'serial-not-random', 'serial-twice'],
  ...['expired', 'not-yet-valid', 'signature-wrong', 'issuer-unknown', 'not-by-root', 'issuer-not-ca', 'key-of-a-ca'],
])

const OF_ANOTHER_FACTORY: ReadonlySet<string> = new Set(['unit-missing', 'unit-of-another-factory'])

/** Each certificate is what its role asks for (docs/profile.md#profiles), as far as lint sees. */
export function checkProfiles({ certificates, factory, now }: Scene): readonly Finding[] {
  const items = certificates.flatMap(
    ({ file, role, certificate }) => readFileItems(certificate.der, file, LINT_ROLE[role]).items,
  )
  const { findings } = lint(items, [], { factory, now })
  const told = findings.filter(({ code }) => !ELSEWHERE.has(code))
  return certificates.flatMap(({ file, role }) =>
    (['profile.factory', 'profile.broken', 'profile.key-id', 'profile.differs'] as const).flatMap((code) => {
      const here = told.filter((one) => one.file === file && codeOf(one) === code)
      if (here.length === 0) return []
      const what = code === 'profile.differs' ? `${file} differs from its profile, and works` : file
      const hint = code === 'profile.differs' && role === 'root' ? ROOT_STAYS : undefined
      return [found(code, file, `${what}: ${here.map(inWords).join('; ')}.`, hint)]
    }),
  )
}

function codeOf({ code, severity }: LintFinding) {
  if (OF_ANOTHER_FACTORY.has(code)) return 'profile.factory'
  if (code === 'ca-subject-key-id-not-sha1') return 'profile.key-id'
  return severity === 'error' ? 'profile.broken' : 'profile.differs'
}

/** With lint's code, by which docs/lint.md says more. */
function inWords({ reason, code }: LintFinding): string {
  return `${reason} (${code})`
}
