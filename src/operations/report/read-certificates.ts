import { standingOf } from '../../directory/ca-standing.js'
import type { InspectedDirectory } from '../../directory/inspect.js'
import { isCertificateFile, isEarlierCertificate, PKI_FILES } from '../../directory/names.js'
import { roleOfFile } from '../../directory/pki-files.js'
import { FpkiError } from '../../errors.js'
import { type CertificateRole, describeCertificate } from '../../pki/describe.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import { CROSS_CA, DEVICE_CA, type Profile, ROOT_CA, TLS_SERVER } from '../../pki/profiles.js'
import { type Certificate, readPemCertificate } from '../../pki/read-certificate.js'
import { hierarchyCertificateOf, type StateAt } from '../show/hierarchy.js'
import type { ReportCertificate } from './model.js'

const PROFILES: Readonly<Record<CertificateRole, Profile>> = {
  root: ROOT_CA,
  cross: CROSS_CA,
  tls: TLS_SERVER,
  'est-tls': TLS_SERVER,
  'online-ca': DEVICE_CA,
  'local-ca': DEVICE_CA,
}

/** In this order in every report. */
const ROLES: readonly CertificateRole[] = ['root', 'cross', 'tls', 'est-tls', 'online-ca', 'local-ca']

/** The certificates of a directory, current and earlier ones, and its root; null when that cannot be read. */
export interface DirectoryCertificates {
  readonly root: Certificate | null
  readonly certificates: readonly ReportCertificate[]
}

/** Reads all certificates of a directory that can be read: the audit reports the others. */
export async function readCertificates(directory: InspectedDirectory, at: StateAt): Promise<DirectoryCertificates> {
  const names = directory.names.filter((name) => isCertificateFile(name) || isEarlierCertificate(name))
  const read = await Promise.all(names.map((name) => readFile(directory, name)))
  const files = read.filter((one) => one !== null)
  const root = files.find(({ name }) => name === PKI_FILES.rootCertificate)?.certificate ?? null
  const certificates = files.map(({ name, certificate }): ReportCertificate => {
    const role = roleOfFile(name.replace(/\.bak(\.\d+)?$/, ''))
    const isDeviceCa = role === 'online-ca' || role === 'local-ca'
    const standing = isDeviceCa ? standingOf(directory.state, certificate.serialNumber) : 'accepted'
    const place = { role, name, current: isCertificateFile(name), standing }
    const facts = describeCertificate(certificate, root ?? certificate, at.now)
    const publicKey = fingerprintOf(certificate.spki)
    const signedByRoot = root !== null && facts.signedByRoot
    return { ...hierarchyCertificateOf({ ...facts, signedByRoot }, place, at), profile: PROFILES[role].name, publicKey }
  })
  return { root, certificates: certificates.sort(inOrder) }
}

async function readFile(directory: InspectedDirectory, name: string) {
  const { text } = await directory.inspect(name)
  if (text === null) return null
  try {
    return { name, certificate: readPemCertificate(text, name) }
  } catch (error) {
    if (error instanceof FpkiError) return null
    throw error
  }
}

/** By role, the current one first, and then by name: folders list names in any order. */
function inOrder(a: ReportCertificate, b: ReportCertificate): number {
  const byRole = ROLES.indexOf(a.role) - ROLES.indexOf(b.role)
  if (byRole !== 0) return byRole
  if (a.current !== b.current) return a.current ? -1 : 1
  return a.name < b.name ? -1 : 1
}
