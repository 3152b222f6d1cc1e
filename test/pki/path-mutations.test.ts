import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FpkiError } from '../../src/errors.js'
import { parseDer, rawDer, sequenceMembers } from '../../src/pki/der.js'
import { pathProblem } from '../../src/pki/path.js'
import { encodePem } from '../../src/pki/pem.js'
import { DEVICE_CA, TLS_SERVER } from '../../src/pki/profiles.js'
import { type Certificate, readCertificate } from '../../src/pki/read-certificate.js'
import { runProgram, temporaryDirectory } from '../support/cli.js'
import { type Authority, newDeviceCa, newRoot, newSigner, unchecked } from '../support/issue.js'
import { bitString, objectIdentifier, sequence } from './support/der.js'

const AT = new Date('2027-01-01T00:00:00Z')

/** A certificate with one bit of what is signed flipped, and signed again: only what it says is odd. */
async function flipped(ca: Certificate, root: Authority, at: number): Promise<Uint8Array> {
  const tbs = Uint8Array.from(rawDer(sequenceMembers(parseDer(ca.der), 3)[0]))
  tbs[at] = (tbs[at] ?? 0) ^ (1 << (at % 8))
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
  return sequence(tbs, algorithm, bitString(await root.signer.sign(unchecked(tbs))))
}

function accepts(der: Uint8Array, { certificate: root }: Authority): boolean {
  try {
    return pathProblem(readCertificate(der, 'it'), { root, at: AT }) === null
  } catch (error) {
    // Whatever it is, it must not be a defect.
    expect(error).toBeInstanceOf(FpkiError)
    return false
  }
}

test.each([DEVICE_CA, TLS_SERVER])(
  'with a bit of each octet of a $name flipped and signed again, fpki accepts nothing that OpenSSL does not',
  async (profile) => {
    const root = await newRoot()
    const { certificate } = await newDeviceCa(root, {
      profile,
      dnsNames: profile === TLS_SERVER ? ['gateway.example'] : [],
    })
    const folder = join(await temporaryDirectory(), 'all')
    await mkdir(folder)
    await writeFile(join(folder, 'root.pem'), encodePem('CERTIFICATE', root.certificate.der))
    const accepted: string[] = []
    const size = rawDer(sequenceMembers(parseDer(certificate.der), 3)[0]).length
    for (let at = 0; at < size; at++) {
      const der = await flipped(certificate, root, at)
      await writeFile(join(folder, `${at}.pem`), encodePem('CERTIFICATE', der))
      if (accepts(der, root)) accepted.push(`${at}.pem`)
    }
    // Serial number, subject, dates and keys can be others and hold.
    expect(accepted.length).toBeGreaterThan(50)
    const words = ['verify', '-attime', `${AT.getTime() / 1000}`, '-CAfile', 'root.pem', ...accepted]
    const { stdout, stderr } = await runProgram('openssl', words, { cwd: folder })
    const ok = [...stdout.matchAll(/^(\S+): OK$/gm)].map(([, name]) => name)
    expect({ not: accepted.filter((name) => !ok.includes(name)), stderr }).toEqual({ not: [], stderr: '' })
  },
)

test.each(['P-256', 'P-384', 'P-521'] as const)(
  'accepts every signature on %s, including those with short numbers',
  async (curve) => {
    const root = await newRoot({}, newSigner(curve))
    for (let time = 0; time < 40; time++) {
      const { certificate } = await newDeviceCa(root)
      expect(pathProblem(certificate, { root: root.certificate, at: AT })).toBeNull()
    }
  },
)
