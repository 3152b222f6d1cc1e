import { PKI_FILES } from '../../../directory/names.js'
import { keyFileOf } from '../../../directory/pki-files.js'
import { type Finding, found } from './finding.js'
import type { Scene } from './scene.js'

/** Which files must be there, and whether they can be read at all. */
export function checkFiles(scene: Scene): readonly Finding[] {
  const { directory, files } = scene
  return [
    ...[...required(scene)].map((name) => found('files.missing', name, `${name} is missing.`)),
    ...files.flatMap(({ name, problem }) =>
      problem === null ? [] : [found('files.unreadable', name, problem.message)],
    ),
    ...directory.problems.map(({ message }) => found('files.own', null, message)),
    ...strayKeys(scene),
  ]
}

/** What must be there and is not: the root's certificate, the gateway's, and the key of each local CA. */
function required({ directory, files }: Scene): ReadonlySet<string> {
  const { rootCertificate, tlsCertificate, localCaCertificate } = PKI_FILES
  const inToken = directory.state?.localCaKey?.kind === 'pkcs11' ? [localCaCertificate] : []
  const keys = files
    .filter(({ name }) => !(inToken as readonly string[]).includes(name))
    .flatMap(({ name }) => keyFileOf(name) ?? [])
  const wanted = [rootCertificate, tlsCertificate, ...keys]
  return new Set(wanted.filter((name) => !directory.names.includes(name)))
}

/** factory_ca.key is looked at by the check of the root key. */
function strayKeys({ directory, files }: Scene): readonly Finding[] {
  const owned = new Set<string>(files.flatMap(({ name }) => keyFileOf(name) ?? []))
  const stray = files.filter(({ name }) => name.endsWith('.key') && name !== PKI_FILES.rootKey && !owned.has(name))
  return stray.map(({ name }) => found('files.stray-key', name, `${name} has no certificate in ${directory.path}.`))
}
