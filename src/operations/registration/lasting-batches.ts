import { FpkiError } from '../../errors.js'
import type { DeviceBatches } from '../../issuance/device-batch/model.js'
import type { Clock, Progress } from '../../ports.js'
import { isRecent } from '../../recent.js'

/** Batches that outlive their key: it is opened again after it failed. */
export interface LastingBatches extends DeviceBatches {
  /**
   * Throws as {@link DeviceBatches.prove}, but only asks a key that has not signed for some seconds; and ERR_HSM_TOKEN when the
   * token takes too long to answer.
   */
  requireKey(): Promise<void>
}

/** Its ports. */
export interface LastingPorts {
  readonly clock: Clock
  readonly progress: Progress
  /** Waits, or until `signal` is aborted; never rejects. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>
}

/** What opens the key, and the name of its CA for messages. */
export interface LastingKey {
  readonly name: string
  open(): Promise<DeviceBatches>
}

/** How long a signature of a key is believed to show that the next one succeeds, in milliseconds. */
const PROVEN_FOR = 3000

/** How long a token may take for the proof before it counts as not available, in milliseconds. */
const ANSWERS_WITHIN = 5000

/** How long a key that failed is left alone before it is opened again, in milliseconds. */
const LEFT_FOR = 5000

/** What opening the key again may mend: a token that was unplugged, its service, or a thread that died. */
const MENDED: readonly string[] = ['ERR_HSM_TOKEN', 'ERR_HSM_KEY', 'ERR_HSM_MODULE', 'ERR_SIGNATURE', 'ERR_THREAD']

/** What it makes worse: tokens lock after a few wrong PINs. */
const FINAL: readonly string[] = ['ERR_HSM_PIN', 'ERR_PASSPHRASE', 'ERR_BAD_KEY']

/**
 * Batches with the key that `open` opens, and opens again some seconds after it failed, when somebody needs it: a token was
 * unplugged and is there again. Until then, everything fails with the reason.
 *
 * @throws what `open` throws for the first time
 */
export async function lastingBatches(
  { name, open }: LastingKey,
  { clock, progress, wait }: LastingPorts,
): Promise<LastingBatches> {
  const now = () => clock().getTime()
  let batches = await open()
  let provenAt = now()
  let failure: { readonly error: FpkiError; readonly at: number } | null = null
  let opening: Promise<DeviceBatches> | null = null

  const failed = (error: unknown) => {
    if (!(error instanceof FpkiError) || ![...MENDED, ...FINAL].includes(error.code)) return
    if (failure === null) progress.warn(`${name} cannot sign now: ${error.message}`)
    failure = { error, at: now() }
  }
  const openAgain = async () => {
    await batches.close().catch(() => undefined)
    try {
      batches = await open()
    } catch (error) {
      failed(error)
      throw error
    }
    failure = null
    provenAt = now()
    progress.note(`${name} can sign again.`)
    return batches
  }
  const working = async () => {
    if (failure === null) return batches
    if (opening === null && (FINAL.includes(failure.error.code) || isRecent(failure.at, LEFT_FOR, now())))
      throw failure.error
    opening ??= openAgain().finally(() => {
      opening = null
    })
    return opening
  }
  const withKey = async <T>(work: (own: DeviceBatches) => Promise<T>): Promise<T> => {
    const own = await working()
    try {
      return await work(own)
    } catch (error) {
      // Others may have opened the key again meanwhile.
      if (own === batches) failed(error)
      throw error
    }
  }
  const prove = async () => {
    await withKey((own) => own.prove())
    provenAt = now()
  }
  const proveInTime = inTime(prove, wait, () => {
    const error = noAnswer(name)
    progress.warn(`${name} cannot sign now: ${error.message}`)
    return error
  })
  return {
    check: (requests, policy) => withKey((own) => own.check(requests, policy)),
    makeKeys: (devices) => withKey((own) => own.makeKeys(devices)),
    certify: async (orders, validity) => {
      const certificates = await withKey((own) => own.certify(orders, validity))
      if (orders.length > 0) provenAt = now()
      return certificates
    },
    prove,
    requireKey: async () => {
      if (failure !== null || !isRecent(provenAt, PROVEN_FOR, now())) await proveInTime()
    },
    close: async () => {
      await opening?.catch(() => undefined)
      await batches.close()
    },
  }
}

/**
 * Does `work` for all who ask, once at a time, and rejects with `late()` when it takes too long: at once, for those who ask
 * after that. The work itself goes on, because nothing can interrupt a token; when it ends, the next who asks begins it again.
 */
function inTime(work: () => Promise<void>, wait: LastingPorts['wait'], late: () => Error): () => Promise<void> {
  let current: Promise<void> | null = null
  const begin = async () => {
    const ended = new AbortController()
    const working = work().finally(() => {
      current = null
      ended.abort()
    })
    const limit = wait(ANSWERS_WITHIN, ended.signal).then(() => {
      if (!ended.signal.aborted) throw late()
    })
    await Promise.race([working, limit.then(() => working)])
  }
  return () => {
    current ??= begin()
    return current
  }
}

function noAnswer(name: string): FpkiError {
  const text = `The token with the key of ${name} does not answer.`
  return new FpkiError('ERR_HSM_TOKEN', text, 'Check the token and its service; unplug it and plug it in again.')
}
