import { type CaStanding, standingOf } from '../../directory/ca-standing.js'
import { readableCertificates } from '../../directory/certificate-files.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { sameName } from '../../pki/name.js'
import { sameOctets } from '../../pki/octets.js'
import { pathFault } from '../../pki/path-validation/validate.js'
import { type Certificate, isIssuedBy } from '../../pki/read-certificate.js'
import type { Clock } from '../../ports.js'
import type { OpenPki } from '../open-pki.js'
import { remembered } from '../registration/remembered.js'

/** A device CA of this factory that signed a certificate. */
export interface SigningCa {
  /** SHA-256 of its certificate, lower-case hex. */
  readonly fingerprint: string
  readonly standing: CaStanding
  /** Why the path from the root to the certificate is not valid at a time, as a clause; null: it is. */
  pathFault(at: Date): string | null
}

/** The device CAs of a PKI directory, as they were a moment ago. */
export interface DeviceCas {
  /**
   * The CA that signed a certificate: found by the name of the issuer and by the signature, never by what a client sends along.
   * Of several certificates of a CA, one that gateways accept. null: none of this factory.
   */
  signerOf(certificate: Certificate): Promise<SigningCa | null>
}

/** How long a CA that was disabled may still be taken for an accepted one, in milliseconds. */
const REMEMBERED_FOR = 2000

interface KnownCa {
  readonly ca: Certificate
  readonly standing: CaStanding
}

/** The device CAs of a PKI directory or kit. */
export function deviceCasOf(pki: OpenPki, clock: Clock): DeviceCas {
  const known = remembered(() => readCas(pki), { for: REMEMBERED_FOR, most: 1 }, clock)
  return {
    signerOf: async (certificate) => {
      const all = (await known('')).filter(({ ca }) => hasSigned(ca, certificate))
      const best = all.find(({ standing }) => standing === 'accepted') ?? all[0]
      if (best === undefined) return null
      const { ca, standing } = best
      const fault = (at: Date) => pathFault([pki.root, ca, certificate], at)
      return { fingerprint: fingerprintOf(ca.der), standing, pathFault: fault }
    },
  }
}

async function readCas({ directory, root }: OpenPki): Promise<readonly KnownCa[]> {
  const state = await directory.readState()
  return (await readableCertificates(directory))
    .map(({ certificate }) => certificate)
    .filter((ca) => ca.parsedExtensions.basicConstraints?.ca === true)
    .filter((ca) => !sameOctets(ca.spki, root.spki) && isIssuedBy(ca, root))
    .map((ca) => ({ ca, standing: standingOf(state, ca.serialNumber) }))
}

/** As far as the name of the issuer and the signature say; the authorityKeyIdentifier is a hint only (RFC 5280, 4.2.1.1). */
export function hasSigned(ca: Certificate, certificate: Certificate): boolean {
  return sameName(certificate.issuer, ca.subject) && certificate.x509.verify(ca.x509.publicKey)
}
