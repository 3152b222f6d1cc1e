import { dirname } from 'node:path'
import * as z from 'zod/mini'
import type { DurableFiles } from '../ports.js'
import { clientCredentials } from './fioctl.js'
import { membersOf } from './oauth.js'
import type { OAuthClient, OAuthTokens } from './oauth-client.js'
import { credentialsPath, hasConfiguration, type Places } from './places.js'
import { badMember, editYaml, fileExists, readYaml } from './yaml-file.js'
import type { YamlEdit } from './yaml-text.js'

const login = z.strictObject({ token: z.optional(z.string()), clientcredentials: z.optional(clientCredentials) })

/** What `fpki login` stores for one server. Secret. */
export type Login = z.infer<typeof login>

/** What `fpki login` has stored, by base URL. Throws ERR_BAD_FILE. */
export async function readLogins(files: DurableFiles, places: Places): Promise<ReadonlyMap<string, Login>> {
  if (!hasConfiguration(places)) return new Map()
  const path = credentialsPath(places)
  const parsed = z.record(z.string(), login).safeParse((await readYaml(files, path)) ?? {})
  if (!parsed.success) throw badMember(path, parsed.error.issues[0]?.path.join('.') ?? '')
  return new Map(Object.entries(parsed.data))
}

/** Replaces the login for a server, or removes it (null). Returns the path of the file. */
export async function writeLogin(
  files: DurableFiles,
  places: Places,
  url: string,
  value: { readonly token: string } | { readonly client: OAuthClient; readonly tokens: OAuthTokens } | null,
): Promise<string> {
  const path = credentialsPath(places)
  if (value === null && !(await fileExists(files, path))) return path
  await files.makeDirectory(dirname(path))
  await editYaml(files, path, [[[url], null], ...(value === null ? [] : editsOf(url, value))])
  return path
}

function editsOf(url: string, value: Exclude<Parameters<typeof writeLogin>[3], null>): readonly YamlEdit[] {
  if ('token' in value) return [[[url, 'token'], value.token]]
  const { clientId, clientSecret, url: oauthUrl } = value.client
  const members = { client_id: clientId, client_secret: clientSecret, url: oauthUrl, ...membersOf(value.tokens) }
  return Object.entries(members).map(([name, text]): YamlEdit => [[url, 'clientcredentials', name], text])
}
