import { standingOf } from '../../../directory/ca-standing.js'
import { PKI_FILES } from '../../../directory/names.js'
import { FpkiError } from '../../../errors.js'
import type { FactoryCertificates } from '../../../factory/api.js'
import { rfc3339 } from '../../../pki/describe.js'
import { formatName } from '../../../pki/name.js'
import { sameOctets } from '../../../pki/octets.js'
import { type Certificate, readPemCertificate, readPemCertificates } from '../../../pki/read-certificate.js'
import { readCrl } from '../../../pki/read-crl.js'
import { sameRoot } from '../../../pki/same-root.js'
import { serialToHex } from '../../../serial-hex.js'
import { shellWord } from '../../../shell-word.js'
import { type AuditContext, certificateOf } from './context.js'
import { type Finding, failed } from './finding.js'

/** The directory and the Factory API have the same certificates. */
export function checkApi(context: AuditContext): readonly Finding[] {
  const { api, factory } = context
  if (api === null) return []
  const { name, answer } = api
  if (answer instanceof FpkiError) return [failed('api.unreachable', null, answer.message, answer.hint)]
  if (answer === null)
    return [failed('api.not-initialized', null, `The Factory API ${name} has no PKI for the factory ${factory}.`)]
  try {
    return compare(context, answer)
  } catch (error) {
    if (error instanceof FpkiError) return [failed('api.unreachable', null, error.message)]
    throw error
  }
}

function compare(context: AuditContext, remote: FactoryCertificates): readonly Finding[] {
  const { rootCertificate } = PKI_FILES
  // With another root everything else differs too, and following the other hints would do harm.
  const root = readPemCertificate(remote.rootCrt, 'root-crt')
  if (context.root !== null && !sameRoot(context.root, root))
    return [failed('api.root', rootCertificate, `The root certificate in the Factory API is not ${rootCertificate}.`)]
  const cas = remote.caCrt === null || remote.caCrt.trim() === '' ? [] : readPemCertificates(remote.caCrt, 'ca-crt')
  return [
    ...(isSame(context.root, root) ? [] : [earlierRoot(root)]),
    ...checkServer(context, remote.tlsCrt),
    ...checkEstServer(context, remote.estTlsCrt),
    ...cas.flatMap((ca) => checkRemoteCa(context, ca, remote.disabledCaSerials)),
    ...localOnlyCas(context, cas, remote.caRevokeCrl),
  ]
}

/** A renewed root (docs/profile.md#root-renewal): for the API, everything ends with the earlier certificate. */
function earlierRoot({ notAfter }: Certificate): Finding {
  const file = PKI_FILES.rootCertificate
  const text = `The Factory API has the certificate that ${file} renews, which ends on ${rfc3339(notAfter)}.`
  return failed('api.earlier-root', file, text)
}

function checkServer(context: AuditContext, tlsCrt: string | null): readonly Finding[] {
  const tls = tlsCrt === null ? null : readPemCertificate(tlsCrt, 'tls-crt')
  if (isSame(certificateOf(context, 'tls'), tls)) return []
  const file = PKI_FILES.tlsCertificate
  const hint = `Create one with \`fpki ca rotate-tls ${shellWord(context.directory.path)}\`.`
  if (tls === null) return [failed('api.tls', file, 'The Factory API has no server certificate.', hint)]
  return [failed('api.tls', file, `The server certificate in the Factory API is not ${file}.`)]
}

/** Without a file there is nothing to compare; the other checks cover the certificate from the Factory API. */
function checkEstServer(context: AuditContext, estTlsCrt: string | null): readonly Finding[] {
  const file = PKI_FILES.estTlsCertificate
  if (!context.directory.names.includes(file)) return []
  const est = estTlsCrt === null ? null : readPemCertificate(estTlsCrt, file)
  if (isSame(certificateOf(context, 'est-tls'), est)) return []
  const at = shellWord(context.directory.path)
  const authorize = `\`fpki est authorize ${at}\``
  return [
    est === null
      ? failed(
          'api.tls',
          file,
          'The Factory API has no certificate for the EST server.',
          `Create one with ${authorize}.`,
        )
      : failed(
          'api.tls',
          file,
          `The EST server certificate in the Factory API is not ${file}.`,
          `Replace the file with the output of \`fpki est show ${at}\`, or run ${authorize}.`,
        ),
  ]
}

/** True for an unreadable file, which other checks report. */
function isSame(local: Certificate | null, remote: Certificate | null): boolean {
  return local === null || (remote !== null && sameOctets(local.der, remote.der))
}

/** A replaced online-ca is still active, and its file is a `.bak`. */
function checkRemoteCa(
  { certificates, earlier, directory }: AuditContext,
  ca: Certificate,
  disabled: readonly string[],
): readonly Finding[] {
  const local = certificates.find(({ certificate }) => sameOctets(certificate.der, ca.der))
  const isReplaced = earlier.some(({ der }) => sameOctets(der, ca.der))
  const name = local?.file ?? `${formatName(ca.subject)}, serial ${serialToHex(ca.serialNumber)}`
  if (local === undefined && !isReplaced) {
    return [failed('api.no-file', null, `The Factory API accepts the device CA ${name}, which has no file here.`)]
  }
  // Somebody may have uploaded it again, or gone back to an earlier state of the Factory API.
  if (standingOf(directory.state, ca.serialNumber) === 'revoked') {
    const text = `The Factory API accepts the device CA ${name}, which was revoked.`
    const command = `fpki ca revoke-device-ca ${shellWord(directory.path)} --ca-serial ${serialToHex(ca.serialNumber)}`
    return [failed('api.not-revoked', local?.file ?? null, text, `Revoke it again with \`${command}\`.`)]
  }
  const isDisabled = disabled.includes(ca.serialNumber.toString())
  return isDisabled ? [failed('api.disabled', local?.file ?? null, `The device CA ${name} is disabled.`)] : []
}

/** Device CAs in the directory that the Factory API does not have. */
function localOnlyCas(
  { certificates, directory }: AuditContext,
  cas: readonly Certificate[],
  caRevokeCrl: string | null,
): readonly Finding[] {
  const crl = caRevokeCrl === null ? null : readCrl(caRevokeCrl, 'ca-revoke-crl')
  // The Factory API has only the newest CRL; the directory records earlier revocations.
  const inCrl = (crl?.entries ?? []).map(({ serialNumber }) => serialNumber)
  const isRevoked = (serial: bigint) => inCrl.includes(serial) || standingOf(directory.state, serial) === 'revoked'
  const unknown = certificates.filter(
    ({ role, certificate }) =>
      (role === 'online-ca' || role === 'local-ca') && !cas.some((ca) => sameOctets(ca.der, certificate.der)),
  )
  return unknown.map(({ file, certificate }) =>
    isRevoked(certificate.serialNumber)
      ? failed('api.revoked', file, `${file} was revoked: the Factory API does not accept its devices.`)
      : failed('api.unknown-ca', file, `The Factory API does not have the device CA ${file}.`),
  )
}
