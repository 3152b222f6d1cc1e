import { namedFactory } from '../../../config/settings.js'
import { counted } from '../../../counted.js'
import { FpkiError } from '../../../errors.js'
import { deviceFiles } from '../../../machine/devices.js'
import { thisMachine } from '../../../machine/index.js'
import {
  type PublishListsOptions,
  type PublishListsResult,
  publishLists,
} from '../../../operations/devices/publish/publish-lists.js'
import { shellWord } from '../../../shell-word.js'
import { filePath, resolved } from '../../directory.js'
import { keyAccess } from '../../hsm.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, progressOn } from '../../output.js'
import { storeOf } from '../../store.js'

/** The flags of `devices publish` for the lists of gateways. */
export interface ListFlags extends CommonFlags, HsmFlags {
  readonly nginxMap?: string
  readonly crl?: string
  readonly ca?: string
  /** In seconds. */
  readonly crlValidity?: number
  readonly store?: string
}

const WEEK = 7 * 86_400

/** Writes the lists that the flags name; null when they name none. */
export async function writeLists(directory: string, flags: ListFlags, io: Io): Promise<PublishListsResult | null> {
  const { nginxMap, crl } = flags
  checkCrlFlags(flags)
  if (nginxMap === undefined && crl === undefined) return null
  const machine = thisMachine(io.machine)
  const progress = progressOn(io, flags)
  const options: PublishListsOptions = {
    ...{ directory: resolved(directory, io), store: storeOf(flags, io), factory: namedFactory(flags, io.env) },
    nginxMap: nginxMap === undefined ? null : filePath(nginxMap, io),
    crl:
      crl === undefined ? null : { path: filePath(crl, io), ca: flags.ca ?? null, seconds: flags.crlValidity ?? WEEK },
  }
  const batches = deviceFiles(machine).batchFiles
  const written = await publishLists(options, {
    ...{ ...machine, batches, signal: io.signal },
    access: await keyAccess(flags, io, progress),
  })
  for (const line of report(written)) progress.note(line)
  return written
}

function checkCrlFlags({ crl, ca, crlValidity }: ListFlags): void {
  if (crl !== undefined || (ca === undefined && crlValidity === undefined)) return
  const flag = ca === undefined ? '--crl-validity' : '--ca'
  throw new FpkiError('ERR_USAGE', `${flag} needs --crl FILE.`, 'See `fpki devices publish --help`.')
}

function report({ nginxMap, crl }: PublishListsResult): readonly string[] {
  const map =
    nginxMap === null
      ? []
      : [
          `Wrote the deny list ${nginxMap.file}: ${counted(nginxMap.certificates, 'revoked certificate')}.`,
          'nginx reads it when it reloads: `nginx -t && nginx -s reload`.',
        ]
  if (crl === null) return map
  const { file, ca, number, nextUpdate } = crl
  const form = /\.(der|crl)$/i.test(file) ? ' -inform DER' : ''
  return [
    ...map,
    `Wrote CRL number ${number} of ${ca} to ${file}: ${counted(crl.certificates, 'revoked certificate')}, valid until ${nextUpdate}.`,
    `To look at it: \`openssl crl${form} -in ${shellWord(file)} -noout -text\`.`,
  ]
}
