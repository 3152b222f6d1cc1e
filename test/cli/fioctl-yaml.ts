import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Home } from '../support/cli.js'
import type { FactoryServer } from '../support/factory-server.js'

export const TOKEN = 'a-token-that-nobody-may-see'

/** Writes a configuration of fioctl's for a server into a HOME, with a token or with OAuth credentials. */
export async function fioctlYaml(
  home: Home,
  { url }: Pick<FactoryServer, 'url'>,
  { insecure = false, token, created }: { insecure?: boolean; token?: string; created?: string },
): Promise<string> {
  const path = join(home.path, '.config', 'fioctl.yaml')
  await mkdir(join(home.path, '.config'), { recursive: true })
  const lines = [
    '# mine: do not touch',
    'factory: acme # the only one',
    ...(token === undefined ? [] : [`token: ${token}`]),
    'server:',
    `  url: ${url}`,
    `  insecure_skip_verify: ${insecure}`,
    'unknown: { kept: [ 1, 2 ] }',
    ...(created === undefined
      ? []
      : [
          'clientcredentials:',
          '  client_id: me # the client',
          '  client_secret: a-client-secret',
          '  access_token: old-access',
          '  refresh_token: old-refresh',
          '  token_type: Bearer',
          '  expires_in: 3600',
          `  created: "${created}"`,
          `  url: ${url}/oauth`,
        ]),
  ]
  await writeFile(path, `${lines.join('\n')}\n`, { mode: 0o644 })
  return path
}
