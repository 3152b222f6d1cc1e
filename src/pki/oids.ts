/** Every object identifier that fpki uses: [identifier, name]. */
const OIDS = [
  // Attribute types of names (RFC 5280, appendix A.1; RFC 4519)
  ['2.5.4.3', 'CN'],
  ['2.5.4.4', 'SN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'street'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.12', 'title'],
  ['2.5.4.15', 'businessCategory'],
  ['2.5.4.42', 'GN'],
  ['2.5.4.65', 'pseudonym'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
  // Extensions (RFC 5280, 4.2)
  ['2.5.29.14', 'subjectKeyIdentifier'],
  ['2.5.29.15', 'keyUsage'],
  ['2.5.29.17', 'subjectAltName'],
  ['2.5.29.19', 'basicConstraints'],
  ['2.5.29.20', 'cRLNumber'],
  ['2.5.29.21', 'reasonCode'],
  ['2.5.29.30', 'nameConstraints'],
  ['2.5.29.31', 'cRLDistributionPoints'],
  ['2.5.29.32', 'certificatePolicies'],
  ['2.5.29.33', 'policyMappings'],
  ['2.5.29.35', 'authorityKeyIdentifier'],
  ['2.5.29.36', 'policyConstraints'],
  ['2.5.29.37', 'extKeyUsage'],
  ['2.5.29.54', 'inhibitAnyPolicy'],
  ['1.3.6.1.5.5.7.1.1', 'authorityInfoAccess'],
  // Key purposes (RFC 5280, 4.2.1.12)
  ['1.3.6.1.5.5.7.3.1', 'serverAuth'],
  ['1.3.6.1.5.5.7.3.2', 'clientAuth'],
  ['1.3.6.1.5.5.7.3.9', 'OCSPSigning'],
  // OCSP (RFC 6960, 4.2; RFC 3279 and RFC 5754 for the hashes of CertID)
  ['1.3.6.1.5.5.7.48.1.1', 'id-pkix-ocsp-basic'],
  ['1.3.6.1.5.5.7.48.1.2', 'id-pkix-ocsp-nonce'],
  ['1.3.6.1.5.5.7.48.1.5', 'id-pkix-ocsp-nocheck'],
  ['1.3.14.3.2.26', 'SHA-1'],
  // Signature algorithms (RFC 5758, RFC 4055)
  ['1.2.840.10045.4.3.2', 'ecdsa-with-SHA256'],
  ['1.2.840.10045.4.3.3', 'ecdsa-with-SHA384'],
  ['1.2.840.10045.4.3.4', 'ecdsa-with-SHA512'],
  ['1.2.840.113549.1.1.11', 'sha256WithRSAEncryption'],
  ['1.2.840.113549.1.1.12', 'sha384WithRSAEncryption'],
  ['1.2.840.113549.1.1.13', 'sha512WithRSAEncryption'],
  // Used by lint only (RFC 8017, RFC 8410)
  ['1.2.840.10045.4.1', 'ecdsa-with-SHA1'],
  ['1.2.840.10045.4.3.1', 'ecdsa-with-SHA224'],
  ['1.2.840.113549.1.1.4', 'md5WithRSAEncryption'],
  ['1.2.840.113549.1.1.5', 'sha1WithRSAEncryption'],
  ['1.2.840.113549.1.1.10', 'RSASSA-PSS'],
  ['1.2.840.113549.1.1.14', 'sha224WithRSAEncryption'],
  ['1.3.101.112', 'Ed25519'],
  ['1.3.101.113', 'Ed448'],
  // Public keys (RFC 5480, RFC 4055)
  ['1.2.840.10045.2.1', 'id-ecPublicKey'],
  ['1.2.840.113549.1.1.1', 'rsaEncryption'],
  ['1.2.840.10045.3.1.7', 'P-256'],
  ['1.3.132.0.34', 'P-384'],
  ['1.3.132.0.35', 'P-521'],
  // Encrypted private keys (RFC 8018, appendices A and B; RFC 7914, RFC 3565)
  ['1.2.840.113549.1.5.13', 'PBES2'],
  ['1.2.840.113549.1.5.12', 'PBKDF2'],
  ['1.3.6.1.4.1.11591.4.11', 'scrypt'],
  ['1.2.840.113549.2.7', 'hmacWithSHA1'],
  ['1.2.840.113549.2.8', 'hmacWithSHA224'],
  ['1.2.840.113549.2.9', 'hmacWithSHA256'],
  ['1.2.840.113549.2.10', 'hmacWithSHA384'],
  ['1.2.840.113549.2.11', 'hmacWithSHA512'],
  ['1.2.840.113549.3.7', 'des-EDE3-CBC'],
  ['2.16.840.1.101.3.4.1.2', 'aes128-CBC'],
  ['2.16.840.1.101.3.4.1.22', 'aes192-CBC'],
  ['2.16.840.1.101.3.4.1.42', 'aes256-CBC'],
  // PKCS#12 files (RFC 7292, appendix D; RFC 5754)
  ['1.2.840.113549.1.7.1', 'data'],
  ['1.2.840.113549.1.7.2', 'signedData'],
  ['1.2.840.113549.1.12.10.1.2', 'pkcs8ShroudedKeyBag'],
  ['1.2.840.113549.1.12.10.1.3', 'certBag'],
  ['1.2.840.113549.1.9.22.1', 'x509Certificate'],
  ['1.2.840.113549.1.9.20', 'friendlyName'],
  ['1.2.840.113549.1.9.21', 'localKeyID'],
  ['2.16.840.1.101.3.4.2.1', 'SHA-256'],
  // CMS envelopes of backups (RFC 5083, RFC 5084, RFC 3211, RFC 4055, RFC 5753, RFC 3565)
  ['1.2.840.113549.1.9.16.1.23', 'authEnvelopedData'],
  ['2.16.840.1.101.3.4.1.46', 'aes256-GCM'],
  ['1.2.840.113549.1.9.16.3.9', 'PWRI-KEK'],
  ['1.2.840.113549.1.1.7', 'RSAES-OAEP'],
  ['1.2.840.113549.1.1.8', 'MGF1'],
  ['1.3.132.1.11.1', 'dhSinglePass-stdDH-sha256kdf'],
  ['2.16.840.1.101.3.4.1.45', 'aes256-wrap'],
  // Attributes of a certification request (RFC 2985, 5.4; Microsoft's [MS-WCCE] 2.2.2.7)
  ['1.2.840.113549.1.9.14', 'extensionRequest'],
  ['1.3.6.1.4.1.311.2.1.14', 'msExtensionRequest'],
  ['1.2.840.113549.1.9.2', 'unstructuredName'],
  ['1.2.840.113549.1.9.7', 'challengePassword'],
  ['1.3.6.1.4.1.311.13.2.2', 'msEnrollmentCsp'],
  ['1.3.6.1.4.1.311.13.2.3', 'msOsVersion'],
  ['1.3.6.1.4.1.311.21.20', 'msClientInformation'],
] as const

/** The names in the table, so that a misspelt one does not compile. */
export type OidName = (typeof OIDS)[number][1]

const NAMES: ReadonlyMap<string, OidName> = new Map(OIDS)
const IDENTIFIERS: ReadonlyMap<string, string> = new Map(OIDS.map(([identifier, name]) => [name, identifier]))

/** The name of an object identifier, or its dotted form when it is not in the table. */
export function oidName(identifier: string): string {
  return NAMES.get(identifier) ?? identifier
}

/** The dotted form of a name. */
export function oid(name: OidName): string {
  return IDENTIFIERS.get(name) ?? name
}
