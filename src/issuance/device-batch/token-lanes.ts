import type { CheckedOctets, Signer } from '../../ports.js'

/**
 * Signs with several sessions of a token at once, one signature at a time in each. Nothing more is signed of a list after a
 * failure in it.
 */
export function tokenLanes(
  signers: readonly Signer[],
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
