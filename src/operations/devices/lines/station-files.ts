import { dirname, join } from 'node:path'
import { FpkiError } from '../../../errors.js'
import { sameName } from '../../../pki/name.js'
import { encodePem } from '../../../pki/pem.js'
import { provesPossession } from '../../../pki/possession.js'
import { STATION } from '../../../pki/profiles.js'
import { type Certificate, readPemCertificate } from '../../../pki/read-certificate.js'
import { newSerialNumber } from '../../../pki/serial.js'
import { validityFrom } from '../../../pki/validity.js'
import type { Clock, DurableFiles, Random, Signer } from '../../../ports.js'
import { shellWord } from '../../../shell-word.js'
import { pemSigner } from '../../../signer/file.js'
import { signCertificate } from '../../../signer/x509/certificate.js'
import { commonNameAndUnit } from '../../../signer/x509/name.js'

/** The files of a station. */
export interface StationFiles {
  readonly certificate: Certificate
  /** Absolute. */
  readonly certificateFile: string
  readonly keyFile: string
}

/** What to make them for. */
interface StationOrder {
  readonly factory: string
  readonly name: string
  /** A folder, absolute. */
  readonly out: string
  /** null: two years. */
  readonly days: number | null
  /** Whether to make what is missing. */
  readonly mayMake: boolean
}

interface Ports {
  readonly files: DurableFiles
  readonly clock: Clock
  readonly random: Random
}

const MAX_FILE = 65_536

/**
 * The key (P-256) and the self-signed client certificate of a station, in NAME.key and NAME.pem. Nothing is overwritten: what
 * is there, as of a run that was interrupted, is used, and only what is missing is made; null: it may not be made.
 *
 * @throws FpkiError ERR_BAD_FILE when the folder does not exist; ERR_EXISTS when there is a certificate without its key, or
 *   one that has expired; ERR_BAD_KEY, ERR_BAD_CERTIFICATE for files that are there
 */
export async function stationFiles(order: StationOrder, ports: Ports): Promise<StationFiles | null> {
  const { name, out, mayMake } = order
  const { files, clock, random } = ports
  const [keyFile, certificateFile] = [join(out, `${name}.key`), join(out, `${name}.pem`)]
  if ((await files.kindOf(out)) !== 'directory') throw noFolder(out)
  const [foundKey, found] = [await files.read(keyFile, MAX_FILE), await files.read(certificateFile, MAX_FILE)]
  if (found === null && !mayMake) return null
  if (found !== null && foundKey === null) throw exists(certificateFile)
  const key = foundKey ?? random.ecPrivateKey('P-256').pem
  const signer = await pemSigner(key, keyFile)
  try {
    if (found !== null) {
      const certificate = readPemCertificate(found, certificateFile)
      const isOwn = isStation(certificate, clock()) && (await provesPossession(signer, certificate.spki))
      if (!isOwn) throw exists(certificateFile)
      return { certificate, certificateFile, keyFile }
    }
    const certificate = await newCertificate(order, signer, ports)
    if (foundKey === null) await files.create(keyFile, key, 0o600)
    await files.create(certificateFile, encodePem('CERTIFICATE', certificate.der), 0o644)
    return { certificate, certificateFile, keyFile }
  } finally {
    await signer.close()
  }
}

async function newCertificate(
  { name, factory, days }: StationOrder,
  signer: Signer,
  { clock, random }: Ports,
): Promise<Certificate> {
  const template = {
    ...{ role: `the station ${name}`, profile: STATION, issuer: null, names: [], spki: signer.spki },
    serialNumber: newSerialNumber(random),
    validity: validityFrom(clock(), days === null ? STATION.years : { days }, null),
    subject: await commonNameAndUnit(name, factory),
  }
  return signCertificate(template, signer)
}

/** Whether it is a certificate of the profile that is valid now. */
function isStation({ notAfter, issuer, subject, parsedExtensions }: Certificate, now: Date): boolean {
  const isClient = parsedExtensions.extKeyUsage?.join() === 'clientAuth' && parsedExtensions.basicConstraints === null
  return isClient && sameName(issuer, subject) && now < notAfter
}

function noFolder(out: string): FpkiError {
  return new FpkiError(
    'ERR_BAD_FILE',
    `${shellWord(out)} is not a folder.`,
    `Nothing was changed. Create it: mkdir -m 700 -p ${shellWord(out)}`,
    { option: 'out' },
  )
}

function exists(file: string): FpkiError {
  return new FpkiError(
    'ERR_EXISTS',
    `${shellWord(file)} exists, and is not a valid certificate of the key beside it.`,
    `Nothing was changed. Choose another folder, or remove the file: rm ${shellWord(file)}; the folder is ${shellWord(dirname(file))}.`,
    { option: 'out' },
  )
}
