import { accessTokenId, isAccessToken } from '../../access-token.js'
import {
  type CredentialStore,
  isValidStation,
  isValidToken,
  type Station,
  type StoredToken,
} from '../../devices/credential-store.js'
import { fingerprintOf } from '../../pki/fingerprint.js'
import type { Clock } from '../../ports.js'
import type { Caller, Proof } from './model.js'
import { remembered } from './remembered.js'

/** The tokens and stations of the register, as they were a second ago at most. */
export interface Credentials {
  /** See RegistrationService.authenticate. */
  authenticate(proof: Proof): Promise<Caller | null>
  /** null: there is no such token. */
  token(id: string): Promise<StoredToken | null>
}

/** How long a revoked credential may be taken for a valid one: what it registers is refused by the commit. */
const REMEMBERED_FOR = 1000

/** So many, that a factory's own are remembered; the wrong ones of an attacker take the place of older ones. */
const MOST = 4096

/** Compared with, when there is no such token, so that this takes as long. It is the hash of nothing that is known. */
const NO_HASH = new Uint8Array(32)

/** Authenticates with the credentials in a register. */
export function credentialsIn(
  store: Pick<CredentialStore, 'token' | 'stationByCertificate'>,
  clock: Clock,
): Credentials {
  const limits = { for: REMEMBERED_FOR, most: MOST }
  const token = remembered((id: string) => store.token(id), limits, clock)
  const station = remembered((fingerprint: string) => store.stationByCertificate(fingerprint), limits, clock)
  return {
    token,
    authenticate: async (proof) => {
      if (proof.kind === 'station') {
        const found = await station(fingerprintOf(proof.certificate))
        return found !== null && isValidStation(found, clock()) ? callerOf(found) : null
      }
      const id = accessTokenId(proof.token)
      if (id === null) return null
      const found = await token(id)
      const isSame = isAccessToken(proof.token, found?.hash ?? NO_HASH)
      if (!isSame || found === null || !isValidToken(found, clock())) return null
      return { credential: { kind: 'token', id: found.id }, line: found.line }
    },
  }
}

function callerOf({ line, name }: Station): Caller {
  return { credential: { kind: 'station', line, name }, line }
}
