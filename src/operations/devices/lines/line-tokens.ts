import * as z from 'zod/mini'
import { newAccessToken, shownTokenId } from '../../../access-token.js'
import { type AllowList, isValidToken, type Token } from '../../../devices/credential-store.js'
import { usesRefusal } from '../../../devices/proof-checks.js'
import { FpkiError } from '../../../errors.js'
import { jsonDocument } from '../../../json-document.js'
import { rfc3339 } from '../../../pki/describe.js'
import { toUuid } from '../../../pki/device-policy.js'
import { shellWord } from '../../../shell-word.js'
import { openPki } from '../../open-pki.js'
import type { RegisterChoice } from '../open-register.js'
import { type QueryPorts, readRegister } from '../query/read-register.js'
import type { LineChoice } from './change-lines.js'
import { changeRegister, type LinePorts, requireToWrite } from './change-register.js'
import { requireLine, requireServiceLine } from './require-line.js'

/** A token of a line, without the token itself; null: no limit, no end. Times are RFC 3339. */
export const lineTokenFacts = z.strictObject({
  /** A part of the token. */
  id: z.string(),
  line: z.string(),
  /** How many devices it may register in all, and how many it has registered. */
  uses: z.nullable(z.int()),
  used: z.int(),
  /** The only device that it may register. */
  uuid: z.nullable(z.string()),
  /** How many entries its allow list has; null: it has no list. */
  listed: z.nullable(z.int()),
  createdAt: z.string(),
  expiresAt: z.nullable(z.string()),
  /** null: it was not revoked. */
  revokedAt: z.nullable(z.string()),
  /** Whether it would register a new device now, as far as it is concerned. */
  valid: z.boolean(),
})

/** What `fpki lines token --json` prints; `token` is secret. */
export const createLineTokenResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  token: z.string(),
  details: lineTokenFacts,
})

/** What `fpki lines tokens --json` prints. */
export const listLineTokensResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** The oldest first, with those that have expired or were revoked. */
  tokens: z.array(lineTokenFacts),
})

/** What `fpki lines revoke-token --json` prints. */
export const revokeLineTokenResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  revoked: lineTokenFacts,
  /** false: it was revoked before. */
  changed: z.boolean(),
})

/** See {@link lineTokenFacts}. */
export type LineTokenFacts = z.infer<typeof lineTokenFacts>
/** See {@link createLineTokenResult}. */
export type CreateLineTokenResult = z.infer<typeof createLineTokenResult>
/** See {@link listLineTokensResult}. */
export type ListLineTokensResult = z.infer<typeof listLineTokensResult>
/** See {@link revokeLineTokenResult}. */
export type RevokeLineTokenResult = z.infer<typeof revokeLineTokenResult>

/** What a new token may do; absent: no limit. */
export interface LineTokenOptions extends LineChoice {
  /** How many devices it may register. */
  readonly uses?: number | undefined
  /** The only device that it may register. */
  readonly uuid?: string | undefined
  /** For how long it is valid. */
  readonly forSeconds?: number | undefined
  /** The devices that it may register. It is read to its end, or nothing is changed. */
  readonly list?: AllowList | undefined
}

const MAX_USES = 1_000_000_000
const MAX_SECONDS = 10 * 366 * 86_400

/**
 * Makes a token with which devices of a line register themselves. The register has its hash, the audit log its ID.
 *
 * @throws FpkiError ERR_USAGE for invalid limits; ERR_LINE when there is no such line, it is closed, or it is the line
 *   `default`; ERR_NOT_INITIALIZED without a register; as openPki, and as the list does
 */
export async function createLineToken(options: LineTokenOptions, ports: LinePorts): Promise<CreateLineTokenResult> {
  const { name: line, list = null } = options
  const now = ports.clock()
  const limits = { uses: checkedUses(options.uses), uuid: checkedUuid(options.uuid), expiresAt: endOf(options, now) }
  const pki = await openPki(ports.files, options.directory, options.factory)
  const { id, text, hash } = newAccessToken(ports.random)
  const choice = { ...options, command: 'lines token', open: requireToWrite }
  const token = await changeRegister(pki, choice, ports, async (register, log) => {
    await requireServiceLine(register, options)
    await log(`Creates the token ${id} of the line ${line}: ${limitsText(limits, list !== null)}`)
    return register.credentials.createToken({ id, hash, line, ...limits, createdAt: now.getTime() }, list)
  })
  return { directory: pki.directory.path, token: text, details: describeToken(token, now) }
}

/** The tokens of a line, or of all lines. Nothing is changed. Throws as showLine. */
export function listLineTokens(
  choice: RegisterChoice & { readonly name: string | null },
  ports: QueryPorts,
): Promise<ListLineTokensResult> {
  const { name } = choice
  return readRegister(choice, ports, async ({ directory, register }) => {
    if (name !== null) await requireLine(register, { ...choice, name })
    const tokens = await register.credentials.tokens(name)
    return { directory: directory.path, tokens: tokens.map((token) => describeToken(token, ports.clock())) }
  })
}

/**
 * Revokes a token for ever, effective immediately; does nothing when it was revoked before. Recorded in the audit log.
 *
 * @throws FpkiError ERR_USAGE when no token has this ID; ERR_NOT_INITIALIZED without a register; as openPki
 */
export async function revokeLineToken(
  options: Omit<LineChoice, 'name'> & { readonly id: string },
  ports: LinePorts,
): Promise<RevokeLineTokenResult> {
  const { id } = options
  const pki = await openPki(ports.files, options.directory, options.factory)
  const choice = { ...options, command: 'lines revoke-token', open: requireToWrite }
  return changeRegister(pki, choice, ports, async ({ credentials }, log) => {
    const before = (await credentials.token(id)) ?? noSuchToken(options)
    const now = ports.clock()
    if (before.revokedAt === null) await log(`Revokes the token ${id} of the line ${before.line}`)
    const changed = await credentials.revoke({ kind: 'token', id }, now.getTime())
    const revoked = (await credentials.token(id)) ?? before
    return { directory: pki.directory.path, revoked: describeToken(revoked, now), changed }
  })
}

/** Whether a token would register a new device now, as far as it is concerned. */
export function registersNewDevices(token: Token, now: Date): boolean {
  return isValidToken(token, now) && usesRefusal(token, token.used) === null
}

function describeToken(token: Token, now: Date): LineTokenFacts {
  const { id, line, uses, used, uuid, listed, createdAt, expiresAt, revokedAt } = token
  return {
    ...{ id, line, uses, used, uuid, listed },
    createdAt: rfc3339(new Date(createdAt)),
    expiresAt: timeOf(expiresAt),
    revokedAt: timeOf(revokedAt),
    valid: registersNewDevices(token, now),
  }
}

function timeOf(milliseconds: number | null): string | null {
  return milliseconds === null ? null : rfc3339(new Date(milliseconds))
}

function limitsText({ uses, uuid, expiresAt }: Pick<Token, 'uses' | 'uuid' | 'expiresAt'>, hasList: boolean): string {
  const parts = [`uses ${uses ?? 'any'}`, `uuid ${uuid ?? 'any'}`, `until ${timeOf(expiresAt) ?? 'none'}`]
  return [...parts, `list ${hasList ? 'yes' : 'none'}`].join(', ')
}

function checkedUses(uses: number | undefined): number | null {
  if (uses === undefined) return null
  if (Number.isInteger(uses) && uses >= 1 && uses <= MAX_USES) return uses
  const hint = `Give a number from 1 to ${MAX_USES}, or leave it out for any number.`
  throw new FpkiError('ERR_USAGE', `Invalid number of uses: ${uses}.`, hint, { option: 'uses' })
}

function checkedUuid(word: string | undefined): string | null {
  if (word === undefined) return null
  const uuid = toUuid(word)
  if (uuid !== null) return uuid
  const hint = 'Use the UUID of a device, such as 0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001.'
  throw new FpkiError('ERR_USAGE', `${JSON.stringify(word.slice(0, 80))} is not a UUID.`, hint, { option: 'uuid' })
}

function endOf({ forSeconds }: LineTokenOptions, now: Date): number | null {
  if (forSeconds === undefined) return null
  if (Number.isInteger(forSeconds) && forSeconds >= 1 && forSeconds <= MAX_SECONDS)
    return now.getTime() + forSeconds * 1000
  const hint = 'Give 1 second to 10 years, such as 8h or 7d, or leave it out for a token that does not expire.'
  throw new FpkiError('ERR_USAGE', `Invalid lifetime of a token: ${forSeconds} seconds.`, hint, { option: 'for' })
}

/** What was given may be the token itself, which must not appear in a log. */
function noSuchToken({ directory, id }: RegisterChoice & { readonly id: string }): never {
  throw new FpkiError(
    'ERR_USAGE',
    `The register has no token ${shownTokenId(id) ?? 'with this ID'}.`,
    `Pass the ID of a token, not the token; \`fpki lines tokens ${shellWord(directory)}\` lists the IDs.`,
  )
}
