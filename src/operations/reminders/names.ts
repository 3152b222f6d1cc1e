import { basename } from 'node:path'
import type { CertificateStatus, PkiStatus } from '../audit/status-report.js'
import { ROLE_NAMES } from '../certificate-roles.js'
import { harmless } from './harmless.js'

/** A certificate, for people. */
export function certificateName({ file, role }: Pick<CertificateStatus, 'file' | 'role'>): string {
  if (file !== null) return harmless(file)
  return role === 'root' ? 'the root certificate' : ROLE_NAMES[role]
}

/** A PKI, for people. Messages leave the machine, so they do not have the path of its directory. */
export function pkiName({ factory, directory }: Pick<PkiStatus, 'factory' | 'directory'>): string {
  if (factory !== null) return `the factory ${harmless(factory)}`
  return directory === null ? 'a factory' : `the directory ${harmless(basename(directory))}`
}
