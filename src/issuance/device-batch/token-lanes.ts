import type { DeviceFields } from '../../pki/check-device.js'
import type { Validity } from '../../pki/validity.js'
import type { CheckedOctets, Signer } from '../../ports.js'
import type { BatchWork, SignedFields } from './work.js'

/** Prepares orders and has a token sign them. Rejects with ERR_PROFILE, the error of the token, or the signal's reason. */
export function tokenSigning(
  { prepare }: Pick<BatchWork, 'prepare'>,
  signers: readonly Signer[],
  signal: AbortSignal | undefined,
): (fields: readonly DeviceFields[], validity: Validity) => Promise<readonly SignedFields[]> {
  const sign = tokenLanes(signers, signal)
  return async (fields, validity) => {
    const signatures = await Promise.all(sign(await prepare(fields, validity)))
    return fields.map((order, at) => ({ ...order, signature: signatures[at] ?? new Uint8Array() }))
  }
}

/**
 * Signs with several sessions of a token at once, one signature at a time in each. Nothing more is signed of a list after a
 * failure in it, or after the signal.
 */
function tokenLanes(
  signers: readonly Signer[],
  signal: AbortSignal | undefined,
): (list: readonly CheckedOctets[]) => readonly Promise<Uint8Array>[] {
  const lanes = signers.map((signer) => ({ signer, tail: Promise.resolve() }))
  if (lanes.length === 0) throw new Error('a key in a token needs at least one session')
  let next = 0
  return (list) => {
    let failure: { readonly reason: unknown } | null = null
    return list.map((octets) => {
      const lane = lanes[next++ % lanes.length] ?? failWithoutLanes()
      const signature = lane.tail.then(() => {
        if (failure !== null) throw failure.reason
        signal?.throwIfAborted()
        return lane.signer.sign(octets)
      })
      lane.tail = signature.then(
        () => undefined,
        (reason: unknown) => {
          failure ??= { reason }
        },
      )
      return signature
    })
  }
}

function failWithoutLanes(): never {
  throw new Error('there are no lanes')
}
