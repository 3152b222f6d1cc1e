import { isCertificateFile } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { readPemCertificate } from '../../pki/read-certificate.js'

/** The certificate file with a decimal serial number; null: none that can be read. */
export type CaFileOf = (serial: string) => Promise<string | null>

/** Looks among files of a directory or snapshot. They are read when the first serial number is looked up. */
export function caFiles(names: readonly string[], read: (name: string) => Promise<string | null>): CaFileOf {
  let files: Promise<ReadonlyMap<string, string>> | null = null
  return async (serial) => {
    files ??= filesBySerial(names.filter(isCertificateFile), read)
    return (await files).get(serial) ?? null
  }
}

async function filesBySerial(names: readonly string[], read: (name: string) => Promise<string | null>) {
  const found = await Promise.all(
    names.map(async (name) => {
      try {
        return [[readPemCertificate((await read(name)) ?? '', name).serialNumber.toString(), name] as const]
      } catch (error) {
        if (error instanceof FpkiError) return []
        throw error
      }
    }),
  )
  return new Map(found.flat())
}
