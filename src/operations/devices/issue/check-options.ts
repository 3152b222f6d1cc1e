import { FpkiError } from '../../../errors.js'
import type { DurableFiles } from '../../../ports.js'
import { requireFreeInFolder } from '../../../storage/require-free.js'
import { requireOutsidePki } from '../../outside-pki.js'
import type { OpenDeviceInput } from '../input/open.js'
import type { IssueDevicesOptions } from './options.js'

type Choices = Pick<IssueDevicesOptions, 'directory' | 'input' | 'output' | 'refusedFile' | 'makeKeys' | 'dryRun'>

/**
 * Throws ERR_USAGE when the output or the list of refused rows is in a PKI directory, where the list would take the place
 * of a key or of the register; when the list would take that of the input or the output; and when keys are to be made and no
 * folder is named for them.
 */
export async function checkOutput(choices: Choices, files: Pick<DurableFiles, 'realPath' | 'kindOf'>): Promise<void> {
  const { directory, input, output, refusedFile, makeKeys, dryRun } = choices
  const target = output?.target
  const directories = [directory]
  if (target !== undefined && target.kind !== 'stdout')
    await requireOutsidePki({ path: target.path, what: 'device files', option: 'out', directories }, files)
  if (refusedFile !== null)
    await requireOutsidePki({ path: refusedFile, what: 'the refused rows', option: 'refused', directories }, files)
  if (refusedFile !== null) requireOther(refusedFile, input.path, target?.kind === 'file' ? target.path : null)
  if (!makeKeys || dryRun || target?.kind === 'folder') return
  throw new FpkiError(
    'ERR_USAGE',
    'The keys of the devices need an output folder, because they are not kept anywhere else.',
    'Name a folder, such as devices/: each device gets a folder in it, with its key.',
    { option: 'out' },
  )
}

/** Throws ERR_EXISTS when the output is a file that exists: also in a rehearsal, which does not open it. */
export async function checkFree({ output }: Choices, files: DurableFiles): Promise<void> {
  if (output?.target.kind === 'file') await requireFreeInFolder(files, output.target.path, 'output file', 'out')
}

function requireOther(refusedFile: string, ...others: readonly (string | null)[]): void {
  if (!others.includes(refusedFile)) return
  throw new FpkiError(
    'ERR_USAGE',
    `Refusing to list refused rows in ${refusedFile}: it is the input or the output.`,
    'Choose another path.',
    { option: 'refused' },
  )
}

/**
 * Requests are for keys that exist already, and a list of UUIDs is for keys that do not.
 *
 * @throws FpkiError ERR_USAGE
 */
export function checkInputFits(
  { what, format }: Pick<OpenDeviceInput, 'what' | 'format'>,
  { makeKeys }: Choices,
): void {
  if (format === 'uuids' && !makeKeys)
    throw new FpkiError(
      'ERR_USAGE',
      `No keys to certify: ${what} is a list of UUIDs, without certificate requests.`,
      'Pass the certificate requests of the devices, or have the keys made too.',
      { option: 'makeKeys' },
    )
  if (!makeKeys || !REQUESTS_ONLY.includes(format)) return
  throw new FpkiError(
    'ERR_USAGE',
    `No keys to make: ${what} contains certificate requests, so the devices have keys.`,
    'Pass a list of UUIDs, or only certify the keys that exist.',
    { option: 'makeKeys' },
  )
}

/** Formats that cannot name a device without its request. */
const REQUESTS_ONLY: readonly OpenDeviceInput['format'][] = ['dir', 'pem', 'tar']
