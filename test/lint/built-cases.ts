import {
  buildCertificate,
  buildCrl,
  builtCsr,
  critical,
  ROOT_KEY_ID,
  SERVER_EXTENSIONS,
  utcTime,
} from '../pki/support/built.js'
import { buildCsr, CN, extension, extensionRequest, newKey, OU, spkiOf, utf8Name } from '../pki/support/csr.js'
import {
  bitString,
  integer,
  membersOf,
  objectIdentifier,
  octetString,
  pem,
  readTlv,
  sequence,
  setOf,
  tlv,
} from '../pki/support/der.js'

/** [what it is, its octets, the codes of its findings]. What no tool makes is made here. */
export type Case = readonly [what: string, octets: Uint8Array, codes: readonly string[]]

const extensions = Object.values(SERVER_EXTENSIONS)
const { authorityKeyIdentifier, subjectAltName, keyUsage, ...others } = SERVER_EXTENSIONS
const broken = sequence(setOf(sequence(objectIdentifier(CN), tlv(0x0c, Buffer.of(0xc3, 0x28)))))
const certificate = buildCertificate()
const request = extensionRequest(subjectAltName)
const pair = newKey()
const point = readTlv(membersOf(readTlv(spkiOf(pair)))[1]?.der ?? Buffer.of()).content.subarray(1)
const compressed = sequence(
  membersOf(readTlv(spkiOf(pair)))[0]?.der ?? Buffer.of(),
  bitString(Buffer.concat([Buffer.of(2 + ((point.at(-1) ?? 0) & 1)), point.subarray(1, 33)])),
)
const microsoftRequest = sequence(objectIdentifier('1.3.6.1.4.1.311.2.1.14'), setOf(sequence(subjectAltName)))
const password = sequence(objectIdentifier('1.2.840.113549.1.9.7'), setOf(tlv(0x0c, Buffer.from('a password'))))

/** `der` with the length of its outermost value in one octet more than DER has. */
function padded(der: Buffer): Buffer {
  const { content } = readTlv(der)
  return Buffer.concat([Buffer.of(0x30, 0x83, 0, content.length >> 8, content.length & 0xff), content])
}

/** `der` with the indefinite form of its outermost length. */
function open(der: Buffer): Buffer {
  return Buffer.concat([Buffer.of(0x30, 0x80), readTlv(der).content, Buffer.of(0, 0)])
}

function csrOfVersion(version: number): Buffer {
  const [info, ...rest] = membersOf(readTlv(builtCsr()))
  const [, ...members] = info === undefined ? [] : membersOf(info)
  return sequence(sequence(integer(version), ...members.map(({ der }) => der)), ...rest.map(({ der }) => der))
}

export const BUILT_CASES: readonly Case[] = [
  ['a certificate that is right', certificate, []],
  [
    'a request for a device CA that is called neither fio-… nor online-ca',
    buildCsr({
      subject: utf8Name([CN, 'plant'], [OU, 'acme']),
      attributes: [extensionRequest(critical('2.5.29.19', sequence(tlv(0x01, Buffer.of(0xff)))))],
    }),
    ['device-ca-name'],
  ],
  [
    'a request with a compressed point',
    buildCsr({ subject: utf8Name([CN, 'gateway.example']), attributes: [request], key: pair, spki: compressed }),
    ['compressed-point'],
  ],
  ['a request that is right', builtCsr(), []],
  ['a CRL that is right', buildCrl(), []],
  ['a length with an octet too many', padded(certificate), ['not-der']],
  ['an open length', open(certificate), ['not-der']],
  [
    'a serial number with an octet too many',
    buildCertificate({ serial: tlv(2, Buffer.alloc(3), Buffer.alloc(16, 0x5a)) }),
    ['not-der'],
  ],
  [
    'an extension that says it is not critical',
    buildCertificate({
      extensions: [...extensions, sequence(objectIdentifier('2.5.29.32'), Buffer.of(1, 1, 0), tlv(4, sequence()))],
    }),
    ['not-der', 'extension-extra'],
  ],
  ['version 1 with extensions', buildCertificate({ version: Buffer.alloc(0) }), ['version-not-3']],
  [
    'an OCSP responder that is a CA, and without nocheck',
    buildCertificate({
      notBefore: utcTime('261215094355Z'),
      notAfter: utcTime('270110094355Z'),
      extensions: [
        keyUsage,
        extension('2.5.29.37', sequence(objectIdentifier('1.3.6.1.5.5.7.3.9'))),
        critical('2.5.29.19', sequence(tlv(0x01, Buffer.of(0xff)))),
        others.subjectKeyIdentifier,
        authorityKeyIdentifier,
      ],
    }),
    ['ca-on-responder', 'ocsp-no-check-missing'],
  ],
  ['version 2', buildCertificate({ version: tlv(0xa0, integer(1)) }), ['version-not-3']],
  ['a request with algorithm parameters', csrWithParameters(), ['algorithm-parameters']],
  [
    'another algorithm inside',
    buildCertificate({ algorithm: sequence(objectIdentifier('1.2.840.10045.4.3.3')) }),
    ['algorithms-differ'],
  ],
  [
    'GeneralizedTime before 2050',
    buildCertificate({ notAfter: tlv(0x18, Buffer.from('20361123094355Z')) }),
    ['time-encoding'],
  ],
  ['UTCTime without seconds', buildCertificate({ notBefore: utcTime('2611230944Z') }), ['time-encoding']],
  ['UTCTime with an offset', buildCertificate({ notBefore: utcTime('261123104355+0100') }), ['time-encoding']],
  ['no time at all', buildCertificate({ notAfter: utcTime('never') }), ['time-encoding']],
  [
    'the end before the beginning',
    buildCertificate({ notAfter: utcTime('261123094354Z') }),
    ['validity-order', 'expired'],
  ],
  ['an extension twice', buildCertificate({ extensions: [...extensions, subjectAltName] }), ['extension-twice']],
  [
    'an extension that does not parse',
    buildCertificate({
      extensions: [
        critical('2.5.29.15', Buffer.of(1)),
        ...Object.values(others),
        authorityKeyIdentifier,
        subjectAltName,
      ],
    }),
    ['extension-broken', 'key-usage-missing'],
  ],
  ['a malformed extension', buildCertificate({ extensions: [...extensions, integer(1)] }), ['extension-broken']],
  [
    'a critical key identifier',
    buildCertificate({
      extensions: [keyUsage, ...Object.values(others), critical('2.5.29.35', ROOT_KEY_ID), subjectAltName],
    }),
    ['critical-extension', 'key-id-critical'],
  ],
  [
    'a device CA whose identifier is not computed from its key',
    buildCertificate({
      subject: utf8Name([CN, 'fio-1'], [OU, 'acme']),
      extensions: [
        critical('2.5.29.15', tlv(0x03, Buffer.of(2, 0x04))),
        critical('2.5.29.19', sequence(tlv(0x01, Buffer.of(0xff)), integer(0))),
        extension('2.5.29.14', octetString(Buffer.alloc(20, 0x5a))),
        authorityKeyIdentifier,
      ],
    }),
    ['ca-subject-key-id-not-sha1'],
  ],
  ['a name that is not UTF-8', buildCertificate({ subject: broken }), ['name-broken', 'san-not-critical']],
  [
    'a device without a name',
    buildCertificate({
      subject: sequence(),
      extensions: [
        keyUsage,
        critical('2.5.29.37', sequence(objectIdentifier('1.3.6.1.5.5.7.3.2'))),
        authorityKeyIdentifier,
      ],
    }),
    ['subject-empty'],
  ],
  ['an unknown issuer', readForeign(), ['issuer-unknown']],
  [
    'a certificate of 65 KB',
    buildCertificate({ extensions: [...extensions, extension('2.5.29.32', tlv(4, Buffer.alloc(66_000)))] }),
    ['too-large'],
  ],
  ['deeply nested values', deep(3000), ['broken']],
  ['a request of version 2', csrOfVersion(1), ['csr-version', 'csr-signature']],
  [
    'a request with a password',
    buildCsr({ subject: utf8Name([CN, 'gateway.example']), attributes: [request, password] }),
    ['csr-attribute'],
  ],
  [
    'a request with two extension requests',
    buildCsr({ subject: utf8Name([CN, 'gateway.example']), attributes: [request, microsoftRequest] }),
    ['extension-twice'],
  ],
  [
    'a CRL with a negative number',
    buildCrl({ number: extension('2.5.29.20', tlv(2, Buffer.of(0xff))) }),
    ['crl-number'],
  ],
  ['a CRL with a critical number', buildCrl({ number: critical('2.5.29.20', integer(1)) }), ['crl-extension-critical']],
  ['a CRL without an end', buildCrl({ nextUpdate: Buffer.alloc(0) }), ['crl-next-update-missing']],
  ['a CRL from the future', buildCrl({ thisUpdate: utcTime('270101000001Z') }), ['crl-not-yet-valid']],
  ['a CRL with an empty list', buildCrl({ entries: sequence() }), ['crl-broken']],
  ['a CRL in BER', open(buildCrl()), ['not-der']],
  ['a PEM block of another kind', Buffer.from(pem('PKCS7', sequence())), ['pem-label']],
  [
    'a PEM block with broken base64',
    Buffer.from('-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n'),
    ['pem-broken'],
  ],
  [
    'a PEM block with another end',
    Buffer.from(pem('CERTIFICATE', certificate).replace('END CERT', 'END X509 CERT')),
    ['pem-broken'],
  ],
]

/** A device's certificate whose issuer nobody knows. */
function readForeign(): Buffer {
  const device = buildCertificate({
    extensions: [
      keyUsage,
      critical('2.5.29.37', sequence(objectIdentifier('1.3.6.1.5.5.7.3.2'))),
      authorityKeyIdentifier,
    ],
    subject: utf8Name([CN, '5f0e1c2d-3b4a-4c5d-8e9f-0a1b2c3d4e5f'], ['2.5.4.11', 'acme']),
  })
  const [tbs, ...rest] = membersOf(readTlv(device))
  const members = tbs === undefined ? [] : membersOf(tbs).map(({ der }) => der)
  return sequence(
    sequence(...members.slice(0, 3), utf8Name([CN, 'elsewhere']), ...members.slice(4)),
    ...rest.map(({ der }) => der),
  )
}

function deep(levels: number): Buffer {
  return Array.from({ length: levels }).reduce<Buffer>((inner) => sequence(inner), sequence())
}

function csrWithParameters(): Buffer {
  const [info, , signature] = membersOf(readTlv(builtCsr())).map(({ der }) => der)
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2'), integer(1))
  return sequence(info ?? algorithm, algorithm, signature ?? algorithm)
}
