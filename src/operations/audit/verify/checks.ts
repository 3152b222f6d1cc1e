import { checkApi } from './api.js'
import { checkBackupRecord, describeBackup } from './backup.js'
import { checkChain } from './chain.js'
import type { AuditContext, CheckPorts } from './context.js'
import { checkDevices } from './devices.js'
import { checkExpiry } from './expiry.js'
import { checkFiles } from './files.js'
import type { Finding } from './finding.js'
import { checkKeys } from './keys.js'
import { checkKit } from './kit.js'
import { checkLeftovers } from './leftovers.js'
import { checkModes } from './modes.js'
import { checkPem } from './pem.js'
import { checkProfiles } from './profiles.js'
import { checkPlainRootKey, checkRootKey } from './root-key.js'
import { checkSerials } from './serials.js'

/** One group of checks. */
export interface Check {
  /** The prefix of the codes of its findings. */
  readonly group: string
  /** The message when there are no findings; null: none. */
  readonly success: (context: AuditContext) => string | null
  readonly run: (context: AuditContext, ports: CheckPorts) => readonly Finding[] | Promise<readonly Finding[]>
}

/** In the order of the output. */
export const CHECKS: readonly Check[] = [
  {
    group: 'files',
    run: checkFiles,
    success: ({ files }) => `All files are present: ${files.map(({ name }) => name).join(', ')}.`,
  },
  { group: 'pem', run: checkPem, success: () => 'Each file contains one PEM block of the expected type.' },
  { group: 'modes', run: checkModes, success: () => 'Other users can neither change the directory nor read the keys.' },
  { group: 'keys', run: checkKeys, success: () => 'Each key file matches its certificate.' },
  {
    group: 'chain',
    run: checkChain,
    success: ({ certificates }) => `All ${certificates.length - 1} certificates have a valid path to the root.`,
  },
  { group: 'profile', run: checkProfiles, success: () => 'All certificates match their profiles.' },
  { group: 'serials', run: checkSerials, success: () => 'All serial numbers are well-formed and unique.' },
  { group: 'expiry', run: checkExpiry, success: ({ warnDays }) => `No certificate expires within ${warnDays} days.` },
  {
    group: 'api',
    run: checkApi,
    success: ({ api, factory }) =>
      api === null ? null : `The Factory API ${api.name} has the same PKI for ${factory}.`,
  },
  {
    group: 'root-key',
    run: async (context, { rootSigner, random }) => [
      ...(await checkRootKey(context, rootSigner, random)),
      ...checkPlainRootKey(context),
    ],
    success: () => null,
  },
  {
    group: 'kit',
    run: checkKit,
    success: ({ directory: { kit } }) =>
      kit === null ? null : `The files of this kit for ${kit.ca.file} are those that it was exported with.`,
  },
  { group: 'devices', run: checkDevices, success: () => null },
  { group: 'backup', run: checkBackupRecord, success: describeBackup },
  { group: 'leftovers', run: checkLeftovers, success: () => 'No interrupted commands, and no leftover files.' },
]
