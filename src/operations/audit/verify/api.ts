import { PKI_FILES } from '../../../directory/names.js'
import { FpkiError } from '../../../errors.js'
import type { FactoryCertificates } from '../../../factory/api.js'
import { formatName } from '../../../pki/name.js'
import { sameOctets } from '../../../pki/octets.js'
import { type Certificate, readPemCertificate, readPemCertificates } from '../../../pki/read-certificate.js'
import { readCrl } from '../../../pki/read-crl.js'
import { shellWord } from '../../../shell-word.js'
import { type Finding, found } from './finding.js'
import { certificateOf, type Scene } from './scene.js'

/** The directory and the Factory API know the same PKI. */
export function checkApi(scene: Scene): readonly Finding[] {
  const { api, factory } = scene
  if (api === null) return []
  const { name, known } = api
  if (known instanceof FpkiError) return [found('api.unreachable', null, known.message, known.hint)]
  if (known === null) return [found('api.not-initialized', null, `The Factory API has no PKI for ${factory}: ${name}.`)]
  try {
    return compare(scene, known)
  } catch (error) {
    if (error instanceof FpkiError) return [found('api.unreachable', null, error.message)]
    throw error
  }
}

function compare(scene: Scene, known: FactoryCertificates): readonly Finding[] {
  const { rootCertificate } = PKI_FILES
  // Against another root nothing else can hold, and what to do about the rest would do harm.
  if (!isSame(scene.root, readPemCertificate(known.rootCrt, 'root-crt')))
    return [found('api.root', rootCertificate, `The Factory API has another root than ${rootCertificate}.`)]
  const cas = known.caCrt === null || known.caCrt.trim() === '' ? [] : readPemCertificates(known.caCrt, 'ca-crt')
  return [
    ...checkServer(scene, known.tlsCrt),
    ...checkEstServer(scene, known.estTlsCrt),
    ...cas.flatMap((ca) => checkKnownCa(scene, ca, known.disabledCaSerials)),
    ...withoutApi(scene, cas, known.caRevokeCrl),
  ]
}

function checkServer(scene: Scene, tlsCrt: string | null): readonly Finding[] {
  const tls = tlsCrt === null ? null : readPemCertificate(tlsCrt, 'tls-crt')
  if (isSame(certificateOf(scene, 'tls'), tls)) return []
  const file = PKI_FILES.tlsCertificate
  const make = `Make one with \`fpki ca rotate-tls ${shellWord(scene.directory.path)}\`.`
  if (tls === null) return [found('api.tls', file, 'The Factory API has no server certificate.', make)]
  return [found('api.tls', file, 'The Factory API has another server certificate.')]
}

/** Without a file of it, that of the Factory API is looked at by the other checks. */
function checkEstServer(scene: Scene, estTlsCrt: string | null): readonly Finding[] {
  const file = PKI_FILES.estTlsCertificate
  if (!scene.directory.names.includes(file)) return []
  const est = estTlsCrt === null ? null : readPemCertificate(estTlsCrt, file)
  if (isSame(certificateOf(scene, 'est-tls'), est)) return []
  const at = shellWord(scene.directory.path)
  const authorize = `\`fpki est authorize ${at}\``
  return [
    est === null
      ? found('api.tls', file, 'The Factory API has no certificate of the EST server.', `Make one with ${authorize}.`)
      : found(
          'api.tls',
          file,
          'The Factory API has another certificate of the EST server.',
          `Take its one from \`fpki est show ${at}\`, or run ${authorize}.`,
        ),
  ]
}

/** A file that cannot be read is told of elsewhere. */
function isSame(here: Certificate | null, there: Certificate | null): boolean {
  return here === null || (there !== null && sameOctets(here.der, there.der))
}

/** An online-ca that was replaced is still one, and its file is the one that was kept. */
function checkKnownCa(
  { certificates, earlier }: Scene,
  ca: Certificate,
  disabled: readonly string[],
): readonly Finding[] {
  const seen = certificates.find(({ certificate }) => sameOctets(certificate.der, ca.der))
  const isKept = earlier.some(({ der }) => sameOctets(der, ca.der))
  const called = seen?.file ?? `${formatName(ca.subject)}, serial ${ca.serialNumber}`
  if (seen === undefined && !isKept) {
    return [found('api.no-file', null, `The Factory API has a device CA that no file here has: ${called}.`)]
  }
  const isDisabled = disabled.includes(ca.serialNumber.toString())
  return isDisabled ? [found('api.disabled', seen?.file ?? null, `The device CA ${called} is disabled.`)] : []
}

function withoutApi(
  { certificates, directory }: Scene,
  cas: readonly Certificate[],
  caRevokeCrl: string | null,
): readonly Finding[] {
  const crl = caRevokeCrl === null ? null : readCrl(caRevokeCrl, 'ca-revoke-crl')
  // The CRL of the Factory API is the newest only; those before it are remembered.
  const revoked = [
    ...(crl?.entries ?? []).map(({ serialNumber }) => serialNumber.toString()),
    ...(directory.state?.revokedCaSerials ?? []),
  ]
  const unknown = certificates.filter(
    ({ role, certificate }) =>
      (role === 'online-ca' || role === 'local-ca') && !cas.some((ca) => sameOctets(ca.der, certificate.der)),
  )
  return unknown.map(({ file, certificate }) =>
    revoked.includes(certificate.serialNumber.toString())
      ? found('api.revoked', file, `${file} was revoked; the Factory API does not accept its devices.`)
      : found('api.unknown-ca', file, `The Factory API does not have the device CA of ${file}.`),
  )
}
