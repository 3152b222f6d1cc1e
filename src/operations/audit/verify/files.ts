import { PKI_FILES } from '../../../directory/names.js'
import { keyFileOf } from '../../../directory/pki-files.js'
import type { AuditContext } from './context.js'
import { type Finding, failed } from './finding.js'

/** Required files exist, and all files can be read. */
export function checkFiles(context: AuditContext): readonly Finding[] {
  const { directory, files } = context
  return [
    ...[...missingFiles(context)].map((name) => failed('files.missing', name, `${name} is missing.`)),
    ...files.flatMap(({ name, problem }) =>
      problem === null ? [] : [failed('files.unreadable', name, problem.message)],
    ),
    ...directory.problems.map(({ message }) => failed('files.own', null, message)),
    ...strayKeys(context),
  ]
}

/** Of the root certificate, tls-crt, and the key of each local CA that was not moved to a kit, those that are missing. */
function missingFiles({ directory, files }: AuditContext): ReadonlySet<string> {
  const { rootCertificate, tlsCertificate, localCaCertificate } = PKI_FILES
  const inToken = directory.state?.localCaKey?.kind === 'pkcs11' ? [localCaCertificate] : []
  const keys = files
    .filter(({ name }) => !(inToken as readonly string[]).includes(name))
    .flatMap(({ name }) => keyFileOf(name) ?? [])
  const moved: readonly string[] = directory.state?.movedKeys ?? []
  const required = [rootCertificate, tlsCertificate, ...keys.filter((name) => !moved.includes(name))]
  return new Set(required.filter((name) => !directory.names.includes(name)))
}

/** Except factory_ca.key, which the check of the root key covers. */
function strayKeys({ directory, files }: AuditContext): readonly Finding[] {
  const owned = new Set<string>(files.flatMap(({ name }) => keyFileOf(name) ?? []))
  const stray = files.filter(({ name }) => name.endsWith('.key') && name !== PKI_FILES.rootKey && !owned.has(name))
  return stray.map(({ name }) => failed('files.stray-key', name, `${name} has no certificate in ${directory.path}.`))
}
