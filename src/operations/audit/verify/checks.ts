import { checkApi } from './api.js'
import { backupInWords, checkBackupRecord } from './backup.js'
import { checkChain } from './chain.js'
import { checkExpiry } from './expiry.js'
import { checkFiles } from './files.js'
import type { Finding } from './finding.js'
import { checkKeys } from './keys.js'
import { checkLeftovers } from './leftovers.js'
import { checkModes } from './modes.js'
import { checkPem } from './pem.js'
import { checkProfiles } from './profiles.js'
import { checkPlainRootKey, checkRootKey } from './root-key.js'
import type { CheckPorts, Scene } from './scene.js'
import { checkSerials } from './serials.js'

/** One group of checks. */
export interface Check {
  /** The code of the group; those of its findings begin with it. */
  readonly group: string
  /** What is said when it finds nothing; null: it says that itself, or does not apply. */
  readonly holds: (scene: Scene) => string | null
  readonly run: (scene: Scene, ports: CheckPorts) => readonly Finding[] | Promise<readonly Finding[]>
}

/** All of them, in the order in which they are told. */
export const CHECKS: readonly Check[] = [
  {
    group: 'files',
    run: checkFiles,
    holds: ({ files }) => `All files are there: ${files.map(({ name }) => name).join(', ')}.`,
  },
  { group: 'pem', run: checkPem, holds: () => 'Each file holds one PEM block of the right kind.' },
  { group: 'modes', run: checkModes, holds: () => 'Nobody else can change anything, and the keys are closed.' },
  { group: 'keys', run: checkKeys, holds: () => 'Each key that is here is the key of its certificate.' },
  {
    group: 'chain',
    run: checkChain,
    holds: ({ certificates }) => `A valid path leads to the root from each of ${certificates.length - 1} certificates.`,
  },
  { group: 'profile', run: checkProfiles, holds: () => 'Each certificate is as its profile has it.' },
  { group: 'serials', run: checkSerials, holds: () => 'The serial numbers are well formed, and each is there once.' },
  { group: 'expiry', run: checkExpiry, holds: ({ warnDays }) => `Nothing expires within ${warnDays} days.` },
  {
    group: 'api',
    run: checkApi,
    holds: ({ api, factory }) =>
      api === null ? null : `The Factory API knows the same PKI of ${factory}: ${api.name}.`,
  },
  {
    group: 'root-key',
    run: async (scene, { rootSigner, random }) => [
      ...(await checkRootKey(scene, rootSigner, random)),
      ...checkPlainRootKey(scene),
    ],
    holds: () => null,
  },
  { group: 'backup', run: checkBackupRecord, holds: backupInWords },
  { group: 'leftovers', run: checkLeftovers, holds: () => 'No interrupted work is left.' },
]
