import type { FactoryCertificates } from '../../factory/api.js'
import type { OpenPki } from '../open-pki.js'

/**
 * Records which device CAs the Factory API has disabled, when another program has disabled or enabled them. Throws ERR_LOCKED.
 * A directory that fpki has never changed has no records.
 */
export async function rememberDisabled(
  { directory }: Pick<OpenPki, 'directory'>,
  { disabledCaSerials }: Pick<FactoryCertificates, 'disabledCaSerials'>,
): Promise<void> {
  const isRecorded = (serials: readonly string[] = []) =>
    [...serials].sort().join() === [...disabledCaSerials].sort().join()
  const before = await directory.readState()
  if (before === null || isRecorded(before.disabledCaSerials)) return
  const lock = await directory.lock()
  try {
    const state = await directory.readState()
    if (state !== null) await directory.writeState({ ...state, disabledCaSerials: [...disabledCaSerials] })
    await directory.files.flush()
  } finally {
    await lock.release()
  }
}
