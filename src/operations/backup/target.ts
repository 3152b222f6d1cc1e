import { basename, dirname, join } from 'node:path'
import { FpkiError } from '../../errors.js'
import { newPassphrase } from '../../keystore/key-files.js'
import { decodeOnePem } from '../../pki/pem.js'
import { rsaWeakness } from '../../pki/public-key.js'
import { type Certificate, readCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles, Passphrases } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { readInputFile } from '../../storage/input-file.js'

/** Where a backup goes, and who can open it. */
export interface BackupTarget {
  /** The new file, absolute. */
  readonly out: string
  /** Files with the certificates of people who can open it, absolute. */
  readonly recipients: readonly string[]
  /** Can it be opened with a passphrase? Must be, when there are no recipients. */
  readonly withPassphrase: boolean
}

/** A {@link BackupTarget} that was looked at: nothing about it can fail any more but the disk. */
export interface PreparedBackupTarget {
  readonly out: string
  /** Secret. */
  readonly passphrase: string | null
  readonly certificates: readonly Certificate[]
}

/**
 * Looks at a target before anything is done, so that `ca create --backup` does not find out afterwards.
 *
 * @throws FpkiError ERR_EXISTS, ERR_STORAGE, ERR_USAGE, ERR_PASSPHRASE, ERR_BAD_FILE, ERR_BAD_CERTIFICATE
 */
export async function prepareBackupTarget(
  { directory, out, recipients, withPassphrase }: BackupTarget & { readonly directory: string },
  { files, passphrases }: { readonly files: DurableFiles; readonly passphrases: Passphrases | undefined },
): Promise<PreparedBackupTarget> {
  requireOutside(out, out, directory)
  if ((await files.list(dirname(out))) === null) {
    throw new FpkiError('ERR_STORAGE', `${dirname(out)} does not exist.`, 'Make that first, or name another path.')
  }
  // Links may lead there as well.
  requireOutside(out, await realPath(files, out), await realPath(files, directory))
  if ((await files.kindOf(out)) !== null) {
    // A run that was killed may have come so far.
    const hint = `fpki overwrites nothing; name another file. \`fpki ca backup --check ${shellWord(out)}\` says whether it is a whole backup.`
    throw new FpkiError('ERR_EXISTS', `${out} exists already.`, hint)
  }
  const certificates = await Promise.all([...new Set(recipients)].map(readRecipient))
  const passphrase = withPassphrase || certificates.length === 0 ? await newPassphrase(passphrases) : null
  return { out, passphrase, certificates }
}

/** `real`: where `out` is when no link is in the way. */
function requireOutside(out: string, real: string, directory: string): void {
  if (!join(real, '/').startsWith(join(directory, '/'))) return
  const hint = 'Name a file elsewhere, best on another disk.'
  throw new FpkiError('ERR_USAGE', `The backup ${out} would be in the PKI directory itself.`, hint)
}

/** A path without symbolic links, as far as it exists. */
async function realPath(files: DurableFiles, path: string): Promise<string> {
  const above = dirname(path)
  const real = above === path ? path : await files.realPath(path)
  return real ?? join(await realPath(files, above), basename(path))
}

/** A certificate as PEM or DER, whose key may be used for this and is strong enough. One that has expired will do. */
async function readRecipient(path: string): Promise<Certificate> {
  const octets = await readInputFile(path, 64 * 1024)
  const der = octets[0] === 0x30 ? octets : decodeOnePem('CERTIFICATE', octets.toString(), path)
  const certificate = readCertificate(der, path)
  const problem = rsaWeakness(certificate.publicKey) ?? usageProblem(certificate)
  if (problem === null) return certificate
  const hint = 'Nothing was written. Make the backup for another certificate, or for a passphrase.'
  throw new FpkiError('ERR_BAD_CERTIFICATE', `${path} cannot be a recipient: ${problem}.`, hint)
}

/** What a recipient's key does (RFC 5652, 6.2.1 and 6.2.2), keyUsage must permit where there is one (RFC 5280, 4.2.1.3). */
function usageProblem({ publicKey, known }: Certificate): string | null {
  const needed = publicKey.kind === 'RSA' ? 'keyEncipherment' : 'keyAgreement'
  if (known.keyUsage === null || known.keyUsage.includes(needed)) return null
  return `its keyUsage (${known.keyUsage.join(', ')}) does not permit ${needed}`
}
