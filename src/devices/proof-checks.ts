import type { StoredToken } from './credential-store.js'
import type { Refusal } from './refusal.js'
import type { NewCertificate } from './register.js'

/** What the register has of what the requests of a wave were registered with. */
export interface KnownProofs {
  readonly line: string
  readonly at: number
  readonly tokens: ReadonlyMap<string, StoredToken>
  /** The names of the line's stations that were not revoked. */
  readonly stations: ReadonlySet<string>
  readonly entries: ReadonlyMap<number, ListEntry>
}

/** An entry of an allow list. */
export interface ListEntry {
  readonly token: string
  /** The UUID of the device that has used it; null: none has. */
  readonly usedBy: string | null
}

/** What certificates were registered with: why one may not be recorded; null: it may, and counts for those that follow. */
export function proofChecks(known: KnownProofs): (certificate: NewCertificate, isNew: boolean) => Refusal | null {
  const uses = new Map<string, number>()
  const users = new Map<number, string>()
  const checkToken = (id: string, listed: number | null, uuid: string, isNew: boolean): Refusal | null => {
    const token = known.tokens.get(id)
    if (token === undefined) return refused('its token does not exist')
    const used = uses.get(id) ?? token.used
    const refusal =
      tokenRefusal(token, uuid, known) ??
      (isNew ? usesRefusal(token, used) : null) ??
      listRefusal(token, uuid, listed, known, users)
    if (refusal !== null) return refusal
    if (isNew) uses.set(id, used + 1)
    if (listed !== null) users.set(listed, uuid)
    return null
  }
  return ({ uuid, proof }, isNew) => {
    if (proof === null) return null
    const { credential, listed } = proof
    if (credential.kind === 'token') return checkToken(credential.id, listed, uuid, isNew)
    const isValid = credential.line === known.line && known.stations.has(credential.name)
    return isValid
      ? null
      : refused(`its station ${credential.name} was revoked, or is not one of the line ${known.line}`)
  }
}

/** Why a token registers nothing for a device; null: it does, as far as its uses and its allow list let it. */
export function tokenRefusal(
  token: StoredToken,
  uuid: string,
  { line, at }: Pick<KnownProofs, 'line' | 'at'>,
): Refusal | null {
  if (token.line !== line) return refused('its token is of another line')
  if (token.revokedAt !== null) return refused('its token was revoked')
  if (token.expiresAt !== null && token.expiresAt <= at) return refused('its token has expired')
  return token.uuid === null || token.uuid === uuid ? null : refused('its token is for another device')
}

/** Why a token that was used so often registers no new device; null: it does. */
export function usesRefusal({ uses }: Pick<StoredToken, 'uses'>, used: number): Refusal | null {
  return uses === null || used < uses ? null : refused(`its token has registered all ${uses} of its devices`)
}

/** Why a token with an allow list registers no device that is not on it. */
export const NOT_LISTED: Refusal = { code: 'not-listed', reason: 'the allow list of its token does not name it' }

function listRefusal(
  token: StoredToken,
  uuid: string,
  listed: number | null,
  known: KnownProofs,
  users: ReadonlyMap<number, string>,
): Refusal | null {
  if (token.listed === null && listed === null) return null
  const entry = listed === null ? undefined : known.entries.get(listed)
  if (listed === null || entry?.token !== token.id) return NOT_LISTED
  const user = entry.usedBy ?? users.get(listed) ?? uuid
  if (user === uuid) return null
  return { code: 'not-listed', reason: `the device ${user} has used its entry of the allow list` }
}

function refused(reason: string): Refusal {
  return { code: 'credential', reason }
}
