import { join } from 'node:path'
import * as z from 'zod/mini'
import { accessTokenId, isAccessToken, newAccessToken, shownTokenId } from '../../access-token.js'
import { FpkiError } from '../../errors.js'
import { rfc3339 } from '../../pki/describe.js'
import type { Clock, DurableFiles, Random } from '../../ports.js'
import { readJsonFile, readJsonFileText, readJsonText, writeJsonFile } from '../../storage/json-file.js'
import { type LockPorts, withLock } from '../lock.js'

/** The scopes of tokens: read-only, or everything. */
export const SCOPES = ['ci-read', 'ci-write'] as const

/** One of {@link SCOPES}. */
export type Scope = (typeof SCOPES)[number]

/** A stored token: its hash, not the token itself. */
const storedToken = z.strictObject({
  id: z.string().check(z.regex(/^[0-9a-f]{16}$/)),
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  /** The only factory for which it is valid; null for all. */
  factory: z.nullable(z.string()),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: z.string(),
  /** null when it does not expire. */
  expiresAt: z.nullable(z.string()),
})

/** See {@link storedToken}. */
export type StoredToken = z.infer<typeof storedToken>

const tokenFile = z.strictObject({ version: z.literal(1), tokens: z.array(storedToken) })

/** The ports for reading and writing tokens. */
export interface TokenPorts extends LockPorts {
  readonly clock: Clock
  readonly random: Random
}

/** The folder in a state directory for `fpki api serve`. */
export function serverFolder(stateDirectory: string): string {
  return join(stateDirectory, 'api')
}

/** The tokens of a state directory, in order of creation. Throws ERR_BAD_FILE. */
export async function readTokens(files: DurableFiles, stateDirectory: string): Promise<readonly StoredToken[]> {
  return (await readJsonFile(files, tokensPath(stateDirectory), tokenFile))?.tokens ?? []
}

/** Returns a function that reads the tokens by id, and parses the file only when it has changed. */
export function tokenReader(
  files: DurableFiles,
  stateDirectory: string,
): () => Promise<ReadonlyMap<string, StoredToken>> {
  const path = tokensPath(stateDirectory)
  let last: { readonly text: string | null; readonly tokens: ReadonlyMap<string, StoredToken> } | null = null
  return async () => {
    const text = await readJsonFileText(files, path)
    if (last?.text !== text || last === null) {
      const tokens = text === null ? [] : readJsonText(text, path, tokenFile).tokens
      last = { text, tokens: new Map(tokens.map((token) => [token.id, token])) }
    }
    return last.tokens
  }
}

/** Creates a token. `text` (secret) is not stored. Throws ERR_LOCKED, ERR_BAD_FILE. */
export async function addToken(
  ports: TokenPorts,
  stateDirectory: string,
  { factory, scopes, expires }: Pick<StoredToken, 'factory' | 'scopes'> & { readonly expires: Date | null },
): Promise<{ readonly text: string; readonly token: StoredToken }> {
  const { id, text, hash } = newAccessToken(ports.random)
  const token: StoredToken = {
    id,
    sha256: Buffer.from(hash).toString('hex'),
    factory,
    scopes,
    createdAt: rfc3339(ports.clock()),
    expiresAt: expires === null ? null : rfc3339(expires),
  }
  await changeTokens(ports, stateDirectory, (tokens) => [...tokens, token])
  return { text, token }
}

/** Removes a token, which is invalid from then on. Throws ERR_USAGE when no token has this id. */
export async function removeToken(ports: TokenPorts, stateDirectory: string, id: string): Promise<StoredToken> {
  const removed: StoredToken[] = []
  await changeTokens(ports, stateDirectory, (tokens) => {
    removed.push(...tokens.filter((token) => token.id === id))
    return tokens.filter((token) => token.id !== id)
  })
  const [token] = removed
  if (token !== undefined) return token
  const shown = shownTokenId(id)
  const message = `The embedded Factory API has no token ${shown ?? 'with this ID'}.`
  throw new FpkiError(
    'ERR_USAGE',
    message,
    'Pass the ID of a token, not the token; `fpki api token list` lists the IDs.',
  )
}

/** The stored token of `text`; null when it is invalid or has expired. */
export function findToken(tokens: ReadonlyMap<string, StoredToken>, text: string, now: Date): StoredToken | null {
  const token = tokens.get(accessTokenId(text) ?? '')
  if (token === undefined || !isAccessToken(text, Buffer.from(token.sha256, 'hex'))) return null
  return hasExpired(token, now) ? null : token
}

/** Whether a token has expired. */
export function hasExpired({ expiresAt }: StoredToken, now: Date): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= now.getTime()
}

function tokensPath(stateDirectory: string): string {
  return join(serverFolder(stateDirectory), 'tokens.json')
}

async function changeTokens(
  ports: TokenPorts,
  stateDirectory: string,
  change: (tokens: readonly StoredToken[]) => readonly StoredToken[],
): Promise<void> {
  const folder = serverFolder(stateDirectory)
  await ports.files.makeDirectory(folder)
  await ports.files.checkDirectory(folder)
  await withLock(ports, folder, 'the tokens of the embedded Factory API', async () => {
    const tokens = change(await readTokens(ports.files, stateDirectory))
    await writeJsonFile(ports.files, tokensPath(stateDirectory), { version: 1, tokens })
  })
}
