import type { ChildProcess } from 'node:child_process'
import { onTestFinished } from 'vitest'
import { type Ended, runProgram } from '../../support/cli.js'
import { GATEWAY, type KeyAndCertificate } from './pki.js'

export const VERSIONS = ['-tls1_2', '-tls1_3'] as const

/** A server that takes one connection, wants a client certificate, and answers each line with its letters reversed. */
export interface Server {
  readonly port: number
  /** What it said when the connection has ended. */
  readonly ended: Promise<Ended>
}

/** What a client says to the server, and what it gets back when both have accepted each other. */
const QUESTION = 'hello gateway'
export const ANSWER = 'yawetag olleh'

/** `openssl s_server` on a free port of this machine; `trusted` holds the CAs of the clients that it takes. */
export async function startServer(own: KeyAndCertificate, trusted: string): Promise<Server> {
  const identity = ['-cert', own.certificate, '-key', own.key]
  const demands = ['-Verify', '3', '-verify_return_error', '-CAfile', trusted, '-no-CApath', '-no-CAstore']
  // Without session tickets, which s_client would print into the middle of the answer.
  const words = [
    's_server',
    '-num_tickets',
    '0',
    '-accept',
    '127.0.0.1:0',
    '-naccept',
    '1',
    '-rev',
    ...identity,
    ...demands,
  ]
  let ended: Promise<Ended> | undefined
  const port = await new Promise<number>((resolve, reject) => {
    ended = runProgram('openssl', words, {
      onStart: (child) => {
        endWithTest(child)
        portOf(child, resolve)
      },
    })
    ended.then(({ stderr }) => reject(new Error(`openssl s_server has ended: ${stderr}`)), reject)
  })
  if (ended === undefined) throw new Error('openssl s_server was not started')
  return { port, ended }
}

/** `openssl s_client` that asks the server one line, and trusts `root` only. */
export function connect(
  { port }: Server,
  version: (typeof VERSIONS)[number],
  root: string,
  own: KeyAndCertificate | null,
  hostName = GATEWAY,
): Promise<Ended> {
  const identity = own === null ? [] : ['-cert', own.certificate, '-key', own.key]
  const demands = ['-verify_return_error', '-CAfile', root, '-no-CApath', '-no-CAstore', '-verify_hostname', hostName]
  const words = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', GATEWAY, version, '-ign_eof']
  // CLOSE makes the server end the connection, so that neither side waits for the other.
  return runProgram('openssl', [...words, ...identity, ...demands], {
    stdin: `${QUESTION}\nCLOSE\n`,
    onStart: endWithTest,
  })
}

function endWithTest(child: ChildProcess): void {
  onTestFinished(() => {
    child.kill()
  })
}

function portOf(child: ChildProcess, resolve: (port: number) => void): void {
  let text = ''
  child.stdout?.on('data', (part: string) => {
    text += part
    const [, port] = /^ACCEPT .*:(\d+)\n/m.exec(text) ?? []
    if (port !== undefined) resolve(Number(port))
  })
}
