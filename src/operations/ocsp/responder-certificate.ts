import { newTemplate } from '../../issuance/issue.js'
import { type CaKeyChoice, openCaKey } from '../../keystore/ca-key.js'
import type { KeyAccess } from '../../keystore/root-key.js'
import { attributeValues } from '../../pki/name.js'
import { OCSP_RESPONDER } from '../../pki/profiles.js'
import { keyIdentifier } from '../../pki/public-key.js'
import type { Clock, Random } from '../../ports.js'
import { pemSigner } from '../../signer/file.js'
import type { ResponderKey } from '../../signer/ocsp-response.js'
import { signCertificate } from '../../signer/x509/certificate.js'
import { commonNameAndUnit } from '../../signer/x509/name.js'
import type { DeviceIssuer } from '../devices/open-issuer.js'
import type { OpenPki } from '../open-pki.js'

/** What {@link newResponder} needs. */
export interface ResponderPorts {
  readonly clock: Clock
  readonly random: Random
  readonly access?: KeyAccess
}

/** RFC 5280, appendix A.1: ub-common-name. */
const MAX_NAME = 64

/**
 * A new key (P-256), which is only in memory, and its certificate by the device CA (docs/profile.md#ocsp-responder). The CA's
 * key is open for this one signature.
 *
 * @throws FpkiError ERR_CLOCK when the CA is not valid now; as openCaKey and signCertificate
 */
export async function newResponder(
  { directory, factory }: OpenPki,
  { ca, file, key }: DeviceIssuer,
  ports: ResponderPorts,
): Promise<ResponderKey> {
  const signer = await pemSigner(ports.random.ecPrivateKey('P-256').pem, 'the key of the OCSP responder')
  const contents = {
    ...{ role: `the OCSP responder of ${file}`, profile: OCSP_RESPONDER, issuer: ca, names: [], spki: signer.spki },
    subject: await commonNameAndUnit(responderName(attributeValues(ca.subject, 'CN')[0] ?? file), factory),
  }
  const template = newTemplate(contents, ports)
  const choice: CaKeyChoice = { directory, key, certified: ca.spki }
  const opened = await openCaKey(choice, ports.access)
  try {
    const certificate = await signCertificate(template, opened.signer)
    return { signer, certificate, keyHash: keyIdentifier(signer.spki) }
  } finally {
    await opened.close()
  }
}

function responderName(ca: string): string {
  return `OCSP responder of ${ca}`.slice(0, MAX_NAME)
}
