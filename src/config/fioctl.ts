import * as z from 'zod/mini'
import { FpkiError } from '../errors.js'
import type { DurableFiles } from '../ports.js'
import { fioctlPath, type Places } from './places.js'
import { badMember, fileExists, readYaml } from './yaml-file.js'

const text = z.nullish(z.string())

/** Valid header names and values (RFC 9110, 5.1 and 5.5). */
const headers = z.record(
  z.string().check(z.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/)),
  z.string().check(z.regex(/^[\t\x20-\x7e]*$/)),
)

/** OAuth credentials in fioctl's format (docs/profile.md#fioctl-configuration); every value is a string. */
export const clientCredentials = z.object({
  client_id: text,
  client_secret: text,
  access_token: text,
  refresh_token: text,
  token_type: text,
  expires_in: text,
  created: text,
  url: text,
})

/** See {@link clientCredentials}. */
export type ClientCredentials = z.infer<typeof clientCredentials>

const fioctlConfig = z.object({
  factory: text,
  token: text,
  server: z.nullish(z.object({ url: text, insecure_skip_verify: text })),
  extraheaders: z.nullish(headers),
  clientcredentials: z.nullish(clientCredentials),
})

/** fioctl's configuration. */
export interface FioctlConfig {
  readonly path: string
  readonly factory: string | null
  /** Secret. */
  readonly token: string | null
  readonly serverUrl: string | null
  readonly insecure: boolean
  /** Secret. */
  readonly extraHeaders: Readonly<Record<string, string>>
  readonly clientCredentials: ClientCredentials | null
}

/** Reads fioctl's configuration; empty if it does not exist. Throws ERR_USAGE when a named one does not exist, ERR_BAD_FILE. */
export async function readFioctlConfig(
  files: DurableFiles,
  flag: string | undefined,
  places: Places,
): Promise<FioctlConfig> {
  const { path, isNamed } = fioctlPath(flag, places)
  if (isNamed && !(await fileExists(files, path))) {
    throw new FpkiError('ERR_USAGE', `No such file: ${path}.`, 'Check --config and FIOCTL_CONFIG.')
  }
  const parsed = fioctlConfig.safeParse(withoutEmpty((path === '' ? null : await readYaml(files, path, isNamed)) ?? {}))
  if (!parsed.success) throw badMember(path, parsed.error.issues[0]?.path.join('.') ?? '')
  const { factory, token, server, extraheaders, clientcredentials } = parsed.data
  return {
    path,
    factory: factory ?? null,
    token: token ?? null,
    serverUrl: server?.url ?? null,
    insecure: /^(true|t|1|yes|on)$/i.test(server?.insecure_skip_verify ?? ''),
    extraHeaders: extraheaders ?? {},
    clientCredentials: clientcredentials?.client_id ? clientcredentials : null,
  }
}

/** Removes empty members, which YAML parses as ''. */
function withoutEmpty(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const members = Object.entries(value).filter(([, member]) => member !== '')
  return Object.fromEntries(members.map(([name, member]) => [name, withoutEmpty(member)]))
}
