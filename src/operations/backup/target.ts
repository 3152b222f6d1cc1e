import { dirname } from 'node:path'
import { FpkiError } from '../../errors.js'
import { newPassphrase } from '../../keystore/key-files.js'
import { decodeOnePem } from '../../pki/pem.js'
import { rsaWeakness } from '../../pki/public-key.js'
import { type Certificate, readCertificate } from '../../pki/read-certificate.js'
import type { DurableFiles, Passphrases } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { readInputFile } from '../../storage/input-file.js'
import { isInDirectory, isInside } from '../inside-directory.js'

/** Where to write a backup, and who can open it. */
export interface BackupTarget {
  /** The new file, absolute. */
  readonly out: string
  /** Certificate files of those who can open it, absolute. */
  readonly recipients: readonly string[]
  /** Can it be opened with a passphrase? Implied when there are no recipients. */
  readonly withPassphrase: boolean
}

/** A checked {@link BackupTarget}: only the disk can fail from here on. */
export interface PreparedBackupTarget {
  readonly out: string
  /** Secret. */
  readonly passphrase: string | null
  readonly certificates: readonly Certificate[]
}

/**
 * Checks a target before anything is done, so that `ca create --backup` fails before it creates anything.
 *
 * @throws FpkiError ERR_EXISTS, ERR_STORAGE, ERR_USAGE, ERR_PASSPHRASE, ERR_BAD_FILE, ERR_BAD_CERTIFICATE
 */
export async function prepareBackupTarget(
  { directory, out, recipients, withPassphrase }: BackupTarget & { readonly directory: string },
  { files, passphrases }: { readonly files: DurableFiles; readonly passphrases: Passphrases | undefined },
): Promise<PreparedBackupTarget> {
  if (isInside(out, directory)) throw insideDirectory(out)
  if ((await files.list(dirname(out))) === null) {
    throw new FpkiError('ERR_STORAGE', `${dirname(out)} does not exist.`, 'Create it first, or choose another path.')
  }
  // Also through symbolic links.
  if (await isInDirectory(out, directory, files)) throw insideDirectory(out)
  if ((await files.kindOf(out)) !== null) {
    // It may be the complete backup of a killed run.
    const hint = `fpki never overwrites files: choose another file. To see whether it is a complete backup, run \`fpki ca backup --check ${shellWord(out)}\`.`
    throw new FpkiError('ERR_EXISTS', `${out} already exists.`, hint)
  }
  const certificates = await Promise.all([...new Set(recipients)].map(readRecipient))
  const passphrase = withPassphrase || certificates.length === 0 ? await newPassphrase(passphrases) : null
  return { out, passphrase, certificates }
}

function insideDirectory(out: string): FpkiError {
  const hint = 'Choose a path elsewhere, preferably on another disk.'
  return new FpkiError('ERR_USAGE', `The backup ${out} would be inside the PKI directory.`, hint)
}

/** Reads a certificate in PEM or DER, and checks strength and usage of its key. It may have expired. */
async function readRecipient(path: string): Promise<Certificate> {
  const octets = await readInputFile(path, 64 * 1024)
  const der = octets[0] === 0x30 ? octets : decodeOnePem('CERTIFICATE', octets.toString(), path)
  const certificate = readCertificate(der, path)
  const problem = rsaWeakness(certificate.publicKey) ?? usageProblem(certificate)
  if (problem === null) return certificate
  const hint = 'Nothing was written. Use another certificate, or a passphrase.'
  throw new FpkiError('ERR_BAD_CERTIFICATE', `Refusing ${path} as a recipient: ${problem}.`, hint)
}

/** keyUsage, if present (RFC 5280, 4.2.1.3), must permit what CMS does with the key (RFC 5652, 6.2.1 and 6.2.2). */
function usageProblem({ publicKey, parsedExtensions: { keyUsage } }: Certificate): string | null {
  const needed = publicKey.kind === 'RSA' ? 'keyEncipherment' : 'keyAgreement'
  if (keyUsage === null || keyUsage.includes(needed)) return null
  return `its keyUsage (${keyUsage.join(', ')}) does not permit ${needed}`
}
