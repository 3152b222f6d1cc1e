import { basename } from 'node:path'
import type { CertificateStatus, PkiStatus } from '../audit/status-report.js'
import { harmless } from './harmless.js'

/** The names of certificates that are in no directory. */
const NAMES: Readonly<Record<CertificateStatus['role'], string>> = {
  root: 'the root certificate',
  cross: 'a cross-certificate',
  tls: 'tls-crt',
  'est-tls': 'est-tls-crt',
  'online-ca': 'online-ca',
  'local-ca': 'local-ca',
}

/** A certificate, for people. */
export function certificateName({ file, role }: Pick<CertificateStatus, 'file' | 'role'>): string {
  return file === null ? NAMES[role] : harmless(file)
}

/** A PKI, for people. Messages leave the machine, so they do not have the path of its directory. */
export function pkiName({ factory, directory }: Pick<PkiStatus, 'factory' | 'directory'>): string {
  if (factory !== null) return `the factory ${harmless(factory)}`
  return directory === null ? 'a factory' : `the directory ${harmless(basename(directory))}`
}
