import { deviations } from '../../pki/conformance.js'
import type { CertificateRole } from '../../pki/describe.js'
import { attributeValues } from '../../pki/name.js'
import { DEVICE_CA, type Profile, ROOT_CA, TLS_SERVER } from '../../pki/profiles.js'
import type { Certificate } from '../../pki/read-certificate.js'
import { type Finding, found } from './finding.js'
import type { Scene, SeenCertificate } from './scene.js'

const PROFILES: Readonly<Record<CertificateRole, Profile>> = {
  root: ROOT_CA,
  tls: TLS_SERVER,
  'est-tls': TLS_SERVER,
  'online-ca': DEVICE_CA,
  'local-ca': DEVICE_CA,
}

/** Each certificate is what its role asks for (contract.md 3). */
export function checkProfiles(scene: Scene): readonly Finding[] {
  return scene.certificates.flatMap((seen) => [...checkFactory(scene, seen), ...checkOne(scene, seen)])
}

/** Only CAs must say the factory (contract.md 3). */
function checkFactory({ factory }: Scene, { file, role, certificate }: SeenCertificate): readonly Finding[] {
  if (role === 'tls' || role === 'est-tls' || factory === null) return []
  const units = attributeValues(certificate.subject, 'OU')
  if (units.length === 1 && units[0] === factory) return []
  const is = units.length === 0 ? 'no factory' : units.map((unit) => `OU=${unit}`).join(', ')
  return [found('profile.factory', file, `${file} says ${is}, and the factory is ${factory}.`)]
}

/** What breaks it on one line, what only differs on another. */
function checkOne({ root }: Scene, { file, role, certificate }: SeenCertificate): readonly Finding[] {
  const issuer: Certificate | null = role === 'root' ? certificate : root
  const all = deviations(certificate, PROFILES[role], issuer)
  return [true, false].flatMap((breaks) => {
    const texts = all.filter((deviation) => deviation.breaks === breaks).map(({ text }) => text)
    if (texts.length === 0) return []
    return [found(breaks ? 'profile.broken' : 'profile.differs', file, `${file}: ${texts.join('; ')}.`)]
  })
}
