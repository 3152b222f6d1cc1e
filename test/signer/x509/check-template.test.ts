import { describe, expect, test } from 'vitest'
import { DEVICE_CA, type Profile, ROOT_CA, TLS_SERVER } from '../../../src/pki/profiles.js'
import type { CertificateTemplate } from '../../../src/pki/template.js'
import type { CheckedOctets, Curve, Signer } from '../../../src/ports.js'
import { checkTemplate, signCertificate } from '../../../src/signer/x509/certificate.js'
import { readCertificateFields } from '../../pki/support/certificate-fields.js'
import { buildCsr, CN, csrPem, extension, utf8Name } from '../../pki/support/csr.js'
import { sequence, tlv } from '../../pki/support/der.js'
import {
  accept,
  certificateTemplate,
  certify,
  newRoot,
  newSigner,
  signedAgain,
  type Unusual,
  utf8Subject,
} from '../../support/issue.js'

const root = await newRoot()
const spki = newSigner().spki
/** Permits DNS names below corp.example only. */
const permitted = sequence(tlv(0xa0, sequence(tlv(0x82, Buffer.from('corp.example')))))
const { extensions } = readCertificateFields(root.certificate.der)
const constrained = await signedAgain(
  root.certificate,
  { extensions: [...extensions, extension('2.5.29.30', permitted)] },
  root,
)
const server = await certify(accept(csrPem(buildCsr({ subject: utf8Name([CN, 'a']) })), TLS_SERVER), TLS_SERVER, root)

function template(profile: Profile, unusual: Unusual = {}, issuer = root.certificate): CertificateTemplate {
  const isRoot = profile === ROOT_CA
  return certificateTemplate('it', profile, isRoot ? root.signer.spki : spki, isRoot ? null : issuer, unusual)
}

/** How often a key was asked, and what became of the template when it was checked and when it was issued. */
async function outcomes(it: CertificateTemplate, curve: Curve = 'P-256') {
  const asked: CheckedOctets[] = []
  const sign: Signer['sign'] = (octets) => {
    asked.push(octets)
    return root.signer.sign(octets)
  }
  const outcomeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'accepted',
      (error) => `${error.code} ${error.message}`,
    )
  return {
    checked: await outcomeOf(checkTemplate(it, curve)),
    issued: await outcomeOf(signCertificate(it, { ...root.signer, sign })),
    asked: asked.length,
  }
}

describe('checkTemplate checks what would be issued', () => {
  test.each<[string, CertificateTemplate]>([
    ['a root CA', template(ROOT_CA)],
    ['a device CA', template(DEVICE_CA)],
    ['a TLS server', template(TLS_SERVER, { dnsNames: ['a.example', '192.0.2.1'] })],
    ['a TLS server that its CA permits', template(TLS_SERVER, { dnsNames: ['a.corp.example'] }, constrained)],
  ])('%s: accepted without using the key', async (_, it) => {
    await expect(checkTemplate(it, 'P-256')).resolves.toBeUndefined()
    expect(await outcomes(it)).toEqual({ checked: 'accepted', issued: 'accepted', asked: 1 })
  })

  test.each<[string, CertificateTemplate, string]>([
    [
      'a name that its CA does not permit',
      template(TLS_SERVER, { dnsNames: ['a.example'] }, constrained),
      'ERR_CONSTRAINTS',
    ],
    ['a short serial number', template(TLS_SERVER, { serialNumber: Buffer.alloc(8, 0x5a) }), 'ERR_PROFILE'],
    [
      'a subject with a control character',
      template(DEVICE_CA, { subject: utf8Subject('a\u0000b', 'acme') }),
      'ERR_PROFILE',
    ],
    ["its issuer's subject", template(DEVICE_CA, { subject: root.certificate.subject }), 'ERR_PROFILE'],
    ['an issuer that is not a CA', template(TLS_SERVER, {}, server), 'ERR_PROFILE'],
    [
      'a beginning after the end of its issuer',
      template(TLS_SERVER, { now: new Date('2046-11-24T00:00:00Z') }),
      'ERR_PROFILE',
    ],
  ])('%s: refused for the same reason without using the key', async (_, it, code) => {
    const { checked, issued, asked } = await outcomes(it)
    expect(checked).toMatch(new RegExp(`^${code} `))
    expect({ issued, asked }).toEqual({ issued: checked, asked: 0 })
  })
})
