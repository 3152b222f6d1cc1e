import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import type { FactoryApi } from '../../factory/api.js'
import {
  addToken,
  hasExpired,
  readTokens,
  removeToken,
  SCOPES,
  type Scope,
  type StoredToken,
  type TokenPorts,
} from '../../factory/embedded/tokens.js'
import { jsonDocument } from '../../json-document.js'
import { rfc3339 } from '../../pki/describe.js'

/** A token for the served API, without its secret. */
export const apiToken = z.strictObject({
  /** Also the OAuth client id. */
  id: z.string(),
  /** null: every factory of the state directory. */
  factory: z.nullable(z.string()),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: z.string(),
  expiresAt: z.nullable(z.string()),
  expired: z.boolean(),
})

/** What `fpki api token create --json` prints; `token` is secret. */
export const createApiTokenResult = jsonDocument({
  stateDirectory: z.string(),
  token: z.string(),
  details: apiToken,
  /** The factory is new. */
  madeFactory: z.boolean(),
})

/** What `fpki api token list --json` prints. */
export const listApiTokensResult = jsonDocument({ stateDirectory: z.string(), tokens: z.array(apiToken) })

/** What `fpki api token revoke --json` prints. */
export const revokeApiTokenResult = jsonDocument({ stateDirectory: z.string(), revoked: apiToken })

/** See {@link apiToken}. */
export type ApiToken = z.infer<typeof apiToken>
/** See {@link createApiTokenResult}. */
export type CreateApiTokenResult = z.infer<typeof createApiTokenResult>
/** See {@link listApiTokensResult}. */
export type ListApiTokensResult = z.infer<typeof listApiTokensResult>
/** See {@link revokeApiTokenResult}. */
export type RevokeApiTokenResult = z.infer<typeof revokeApiTokenResult>

/** The properties of a new token. */
export interface ApiTokenOptions {
  /** Absolute. */
  readonly stateDirectory: string
  /** null: every factory. */
  readonly factory: string | null
  readonly scopes: readonly string[]
  /** `30d`, `12h` or an RFC 3339 time; null: it does not expire. */
  readonly expires: string | null
}

/** Creates a token, and its factory if it does not exist. Throws ERR_USAGE, ERR_LOCKED, ERR_BAD_FILE. */
export async function createApiToken(
  { stateDirectory, factory, scopes, expires }: ApiTokenOptions,
  ports: TokenPorts & { readonly factories: readonly string[]; apiOf(factory: string): FactoryApi },
): Promise<CreateApiTokenResult> {
  const now = ports.clock()
  const request = {
    factory,
    scopes: scopes.map(checkScope),
    expires: expires === null ? null : readExpiry(expires, now),
  }
  const isNewFactory = factory !== null && !ports.factories.includes(factory)
  if (isNewFactory) await ports.apiOf(factory).getUser()
  const { text, token } = await addToken(ports, stateDirectory, request)
  return { stateDirectory, token: text, details: describe(token, now), madeFactory: isNewFactory }
}

/** The tokens of a state directory. Throws ERR_BAD_FILE. */
export async function listApiTokens(
  { stateDirectory }: { readonly stateDirectory: string },
  { files, clock }: TokenPorts,
): Promise<ListApiTokensResult> {
  const tokens = await readTokens(files, stateDirectory)
  return { stateDirectory, tokens: tokens.map((token) => describe(token, clock())) }
}

/** Revokes a token by its id. Throws ERR_USAGE when it does not exist, ERR_LOCKED, ERR_BAD_FILE. */
export async function revokeApiToken(
  { stateDirectory, id }: { readonly stateDirectory: string; readonly id: string },
  ports: TokenPorts,
): Promise<RevokeApiTokenResult> {
  const token = await removeToken(ports, stateDirectory, id)
  return { stateDirectory, revoked: describe(token, ports.clock()) }
}

function describe({ sha256, ...token }: StoredToken, now: Date): ApiToken {
  return { ...token, expired: hasExpired({ sha256, ...token }, now) }
}

function checkScope(name: string): Scope {
  const scope = SCOPES.find((one) => one === name)
  if (scope !== undefined) return scope
  throw new FpkiError('ERR_USAGE', `Unknown scope ${JSON.stringify(name)}.`, `Use ${SCOPES.join(' or ')}.`)
}

const HOURS = { d: 24, h: 1 } as const

function readExpiry(text: string, now: Date): Date {
  const [, count, unit] = /^(\d{1,5})([dh])$/.exec(text) ?? []
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/.test(text)
  const time =
    count === undefined
      ? Date.parse(isTime ? text : '')
      : now.getTime() + Number(count) * HOURS[unit as 'd' | 'h'] * 3_600_000
  if (time > now.getTime()) return new Date(time)
  const message = `Not a time in the future: ${JSON.stringify(text)}.`
  throw new FpkiError(
    'ERR_USAGE',
    message,
    `Use 30d, 12h, or a time such as ${rfc3339(new Date(now.getTime() + 3_600_000))}.`,
    { option: 'expires' },
  )
}
