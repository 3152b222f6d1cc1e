import { FpkiError } from '../../errors.js'
import type { DeviceFields } from '../../pki/check-device.js'
import { provesPossession } from '../../pki/possession.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { Validity } from '../../pki/validity.js'
import type { CheckedOctets, Signer } from '../../ports.js'
import type { BatchWork, SignedFields } from './work.js'

/** Signing with a key in a token. */
export interface TokenSigning {
  /** Prepares orders and has them signed. Rejects with ERR_PROFILE, the error of the token, or the signal's reason. */
  sign(fields: readonly DeviceFields[], validity: Validity): Promise<readonly SignedFields[]>
  /** See {@link DeviceBatches.prove}. */
  prove(): Promise<void>
}

/** Signs certificates of `ca` in the sessions of a token. */
export function tokenSigning(
  { prepare }: Pick<BatchWork, 'prepare'>,
  ca: Pick<Certificate, 'spki'>,
  signers: readonly Signer[],
  signal: AbortSignal | undefined,
): TokenSigning {
  const sign = tokenLanes(signers, signal)
  const inTurn = async (octets: CheckedOctets) => (await Promise.all(sign([octets])))[0] ?? new Uint8Array()
  return {
    sign: async (fields, validity) => {
      const signatures = await Promise.all(sign(await prepare(fields, validity)))
      return fields.map((order, at) => ({ ...order, signature: signatures[at] ?? new Uint8Array() }))
    },
    prove: async () => {
      const [signer = failWithoutLanes()] = signers
      if (await provesPossession({ ...signer, sign: inTurn }, ca.spki)) return
      throw new FpkiError(
        'ERR_BAD_KEY',
        'The key in the token is not the key of the device CA any more.',
        'Plug in the token with the key of the device CA.',
      )
    },
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
