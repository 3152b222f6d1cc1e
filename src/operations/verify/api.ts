import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import type { FactoryCertificates } from '../../factory/api.js'
import { formatName } from '../../pki/name.js'
import { sameOctets } from '../../pki/octets.js'
import { type Certificate, readPemCertificate, readPemCertificates } from '../../pki/read-certificate.js'
import { type Crl, readCrl } from '../../pki/read-crl.js'
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
  const { rootCertificate, tlsCertificate } = PKI_FILES
  const cas = known.caCrt === null || known.caCrt.trim() === '' ? [] : readPemCertificates(known.caCrt, 'ca-crt')
  const tls = known.tlsCrt === null ? null : readPemCertificate(known.tlsCrt, 'tls-crt')
  return [
    ...(isSame(scene.root, readPemCertificate(known.rootCrt, 'root-crt'))
      ? []
      : [found('api.root', rootCertificate, `The Factory API has another root than ${rootCertificate}.`)]),
    ...(isSame(certificateOf(scene, 'tls'), tls)
      ? []
      : [
          found(
            'api.tls',
            tlsCertificate,
            `The Factory API has ${tls === null ? 'no' : 'another'} server certificate.`,
          ),
        ]),
    ...cas.flatMap((ca) => checkKnownCa(scene, ca, known.disabledCaSerials)),
    ...withoutApi(scene, cas, known),
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
  { certificates }: Scene,
  cas: readonly Certificate[],
  { caRevokeCrl }: FactoryCertificates,
): readonly Finding[] {
  const crl = caRevokeCrl === null ? null : readCrl(caRevokeCrl, 'ca-revoke-crl')
  const unknown = certificates.filter(
    ({ role, certificate }) =>
      (role === 'online-ca' || role === 'local-ca') && !cas.some((ca) => sameOctets(ca.der, certificate.der)),
  )
  return unknown.map(({ file, certificate }) =>
    isRevoked(crl, certificate)
      ? found('api.revoked', file, `${file} was revoked; the Factory API does not accept its devices.`)
      : found('api.unknown-ca', file, `The Factory API does not have the device CA of ${file}.`),
  )
}

function isRevoked(crl: Crl | null, { serialNumber }: Certificate): boolean {
  return crl?.entries.some((entry) => entry.serialNumber === serialNumber) ?? false
}
