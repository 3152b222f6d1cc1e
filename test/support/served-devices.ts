import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { onTestFinished } from 'vitest'
import type { LineSettings } from '../../src/devices/register.js'
import { FPKI } from './cli.js'
import { ISSUED_AT, UNLIMITED, withRegister } from './device-register.js'
import type { ClientOptions } from './register-client.js'

/** `fpki devices serve` or `devices relay` in a process of its own. */
export interface ServedDevices {
  readonly url: string
  readonly pid: number
  /** All that it has written to stdout: the log. */
  log(): string
  /** All that it has written to stderr. */
  said(): string
  /** Tells it to stop, and resolves when it has. */
  stop(signal?: NodeJS.Signals): Promise<{ readonly status: number | null; readonly signal: string | null }>
}

/** Starts it; it ends with the test. */
export async function serveDevices(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ServedDevices> {
  const child = spawn(process.execPath, [FPKI, 'devices', ...words], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise<{ status: number | null; signal: string | null }>((resolve) =>
    child.on('close', (status, signal) => resolve({ status, signal })),
  )
  let log = ''
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const url = await readyUrl(child, () => said)
  return {
    ...{ url, pid: child.pid ?? 0, log: () => log, said: () => said },
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return ended
    },
  }
}

async function readyUrl(child: ChildProcess, said: () => string): Promise<string> {
  while (child.exitCode === null) {
    const [, url] =
      /^(?:Registering devices at|Renewing certificates at|Relaying) (https?:\/\/[^\s,]+)/m.exec(said()) ?? []
    if (url !== undefined) return url
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`it does not serve: ${said()}`)
}

/** Makes a line with a token for it in a register (see withRegister), and resolves to the token. */
export async function lineWithToken(
  store: string,
  line = 'site-a',
  settings: Partial<LineSettings> = {},
): Promise<string> {
  const id = randomBytes(8).toString('hex')
  const token = `fpki_${id}_${randomBytes(32).toString('base64url')}`
  const hash = new Uint8Array(createHash('sha256').update(token).digest())
  await withRegister(store, async (register) => {
    await register.lines.create(line, { ...UNLIMITED, ...settings }, ISSUED_AT)
    const terms = { uses: null, uuid: null, createdAt: ISSUED_AT, expiresAt: null }
    await register.credentials.createToken({ id, hash, line, ...terms }, null)
  })
  return token
}

/** How a client reaches it, with the file of the CA that it is to trust. */
export async function clientOf(
  { url }: ServedDevices,
  more: { readonly token: string; readonly trust?: string; readonly path?: string },
): Promise<ClientOptions> {
  const trust = more.trust === undefined ? null : await readFile(more.trust, 'utf8')
  return { api: `${url}${more.path ?? '/sign'}`, token: more.token, trust }
}
