import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import type { ModuleChoice } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { TOKEN_STATES, type TokenLister } from './list.js'
import { ANSWER_FD } from './list-answer.js'

/** What a child process that loads a module needs. */
export interface ListProcess {
  /** The bundle of list-module.ts. */
  readonly program: string
  /** The environment, which modules use for their configuration. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The time limit for each module. */
  readonly seconds: number
  /** Kills the child; its reason is thrown. */
  readonly signal: AbortSignal
  /** Called with what a module printed. */
  printed(module: string, text: string): void
}

/** A listed token, as in the output of the child and of `fpki hsm list --json`. */
export const listedToken = z.strictObject({
  label: z.string(),
  model: z.string(),
  serial: z.string(),
  manufacturer: z.string(),
  /** Decimal. */
  slotId: z.string(),
  /** The state of its PIN, from its flags. */
  state: z.enum(TOKEN_STATES),
})

const answer = z.union([
  z.strictObject({ tokens: z.array(listedToken) }),
  z.strictObject({
    error: z.strictObject({
      code: z.enum(['ERR_HSM_MODULE', 'ERR_HSM_TOKEN', 'ERR_HSM_PIN', 'ERR_HSM_KEY']),
      message: z.string(),
      hint: z.string(),
    }),
  }),
])

/** Limits in octets: hundreds of tokens, and the start of what a module prints. */
const ANSWER_LIMIT = 1_000_000
const PRINTED_LIMIT = 10_000

/** Processes started by a module may keep the pipes open after the child has exited. */
const GRACE_MS = 1000

/** How a child ended, and its output. */
interface Ended {
  readonly status: string
  readonly timedOut: boolean
  readonly answer: string
  readonly printed: string
}

/**
 * Lists the tokens of a module in a child process, so that its output stays off the terminal and a crash or hang stays
 * there. The child does not receive PINs or other FPKI_ variables.
 */
export function listInChild(ports: ListProcess): TokenLister {
  return async (choice) => {
    const { module } = choice
    const ended = await run(choice, ports)
    if (ended.printed !== '') ports.printed(module, ended.printed)
    ports.signal.throwIfAborted()
    const answered = readAnswer(ended.answer)
    if (answered === null) throw listingFailed(module, ended, ports.seconds)
    if ('tokens' in answered) return answered.tokens
    const { code, message, hint } = answered.error
    throw new FpkiError(code, message, hint)
  }
}

async function run({ module, initArgs }: ModuleChoice, { program, env, seconds, signal }: ListProcess): Promise<Ended> {
  const { spawn } = await import('node:child_process')
  signal.throwIfAborted()
  const others = Object.entries(env).filter(([name]) => !name.startsWith('FPKI_'))
  const child = spawn(process.execPath, [program], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...Object.fromEntries(others), FPKI_HSM_MODULE: module, FPKI_HSM_INIT_ARGS: initArgs },
  })
  const kill = () => void child.kill('SIGKILL')
  const timeout = new AbortController()
  const timer = setTimeout(() => {
    timeout.abort()
    kill()
  }, seconds * 1000)
  signal.addEventListener('abort', kill)
  const printed: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) keep(stream, printed, PRINTED_LIMIT)
  const answered: Buffer[] = []
  keep(child.stdio[ANSWER_FD], answered, ANSWER_LIMIT)
  try {
    const status = await endOf(child)
    const text = (octets: readonly Buffer[]) => Buffer.concat(octets).toString('utf8')
    return { status, timedOut: timeout.signal.aborted, answer: text(answered), printed: text(printed) }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', kill)
  }
}

/** Keeps about the first `limit` octets of a stream and drains the rest, so that the child never blocks. */
function keep(stream: Readable | Writable | null | undefined, octets: Buffer[], limit: number): void {
  const size = () => octets.reduce((sum, one) => sum + one.length, 0)
  stream?.on('data', (chunk: Buffer) => void (size() < limit && octets.push(chunk)))
  stream?.on('error', () => undefined)
}

/** Waits for the end of a child and its output, and describes the end. */
async function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', () => {
      const timer = setTimeout(() => {
        for (const stream of child.stdio) stream?.destroy()
      }, GRACE_MS)
      child.on('close', () => clearTimeout(timer))
    })
    child.on('close', (status, signal) =>
      resolve(signal === null ? `ended without an answer (exit status ${status})` : `crashed (${signal})`),
    )
  })
}

function readAnswer(text: string): z.infer<typeof answer> | null {
  try {
    return answer.parse(JSON.parse(text))
  } catch {
    return null
  }
}

function listingFailed(path: string, { status, timedOut }: Ended, seconds: number): FpkiError {
  return timedOut
    ? new FpkiError(
        'ERR_HSM_MODULE',
        `The PKCS#11 module ${path} did not answer within ${seconds} seconds.`,
        'Check that the token is plugged in and the service that the module needs is running.',
      )
    : new FpkiError(
        'ERR_HSM_MODULE',
        `The PKCS#11 module ${path} ${status}.`,
        `To see its output: \`fpki hsm list --verbose --hsm-module ${shellWord(path)}\`. Report that to its vendor.`,
      )
}
