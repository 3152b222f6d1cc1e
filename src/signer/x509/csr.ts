import { type CsrTemplate, checkCsrInfo } from '../../pki/check-csr.js'
import { parseAndVerifyCsr } from '../../pki/csr.js'
import type { GeneralName } from '../../pki/extensions.js'
import type { Name } from '../../pki/name.js'
import { encodePem } from '../../pki/pem.js'
import type { Signer } from '../../ports.js'
import { signingCrypto } from '../webcrypto.js'
import { caConstraints, keyUsage, subjectAltName } from './extensions.js'
import { loadX509, type X509Library } from './library.js'

/**
 * Creates a request for a server certificate, signed with its own key.
 *
 * @param names for subjectAltName; if empty, the request contains no extensions
 * @returns PEM, parsed again and verified
 * @throws FpkiError ERR_PROFILE, ERR_SIGNATURE as {@link signCertificate}
 */
export function createCsr(subject: Name, names: readonly GeneralName[], signer: Signer): Promise<string> {
  return requestFor({ subject, spki: signer.spki, requested: { kind: 'server', names } }, signer)
}

/** Creates a request for a CA that may issue CA certificates and CRLs. Otherwise like {@link createCsr}. */
export function createCaCsr(subject: Name, signer: Signer): Promise<string> {
  return requestFor({ subject, spki: signer.spki, requested: { kind: 'ca' } }, signer)
}

async function requestFor(template: CsrTemplate, signer: Signer): Promise<string> {
  const x509 = await loadX509()
  const check = (octets: Uint8Array) => checkCsrInfo(octets, template)
  const { crypto, key, algorithm } = signingCrypto(signer, check, 'the new certificate request')
  const { rawData } = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: new x509.Name(template.subject.der),
      keys: { privateKey: key, publicKey: key },
      signingAlgorithm: algorithm,
      extensions: extensionsFor(x509, template),
    },
    crypto,
  )
  const der = new Uint8Array(rawData)
  parseAndVerifyCsr(der, 'the new certificate request')
  return encodePem('CERTIFICATE REQUEST', der)
}

function extensionsFor(x509: X509Library, { requested }: CsrTemplate) {
  if (requested.kind === 'ca') return [keyUsage(x509, ['keyCertSign', 'cRLSign']), caConstraints(x509, null)]
  return requested.names.length === 0 ? [] : [subjectAltName(x509, requested.names, false)]
}
