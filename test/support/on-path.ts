import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Home, temporaryDirectory } from './cli.js'
import { needsProcess, runInProcess } from './in-process.js'
import { QUICK_FPKI } from './run-program.js'

/** Variables of shells, of tests and of guides, which fpki and its libraries do not read. */
const OF_OTHERS = /^(PATH|PWD|OLDPWD|SHLVL|_|SSL_CERT_\w+|PKI_DIR|METRICS|[a-z]+)$/

/** Files of the calling process itself. */
const OF_PROCESS = /^\/(dev\/(fd|std)|proc\/self)/

/**
 * The environment of a shell in which fpki is on the PATH, where passphrases cost nothing, and a home is HOME. Its runs are in
 * the process of the test, as those of {@link Home.fpki}, unless they need one of their own: that takes three times as long.
 */
export async function withFpkiOnPath({ path }: Home): Promise<{ readonly HOME: string; readonly PATH: string }> {
  const [bin, calls, port] = [join(path, 'bin'), await temporaryDirectory(), await answerCalls()]
  await mkdir(bin, { recursive: true })
  await writeFile(join(bin, 'fpki'), scriptFor(calls, port), { mode: 0o755 })
  return { HOME: path, PATH: `${bin}:${process.env['PATH']}` }
}

/** Asks for a run here, and does what it did; on a terminal, and when the answer is `exec`, it is a process. */
function scriptFor(calls: string, port: number): string {
  return `#!/bin/bash
start() { exec '${process.execPath}' '${QUICK_FPKI}' "$@"; }
if [ -t 0 ] || [ -t 1 ] || [ -t 2 ]; then start "$@"; fi
call=${calls}/$$
mkdir $call
printf '%s\\0' "$PWD" "$@" > $call/words
env -0 > $call/env
exec 3<>/dev/tcp/127.0.0.1/${port}
echo $call >&3
read -r status <&3
if [ "$status" = stdin ]; then
  cat > $call/stdin
  echo $call >&3
  read -r status <&3
fi
exec 3>&-
if [ "$status" = exec ]; then start "$@"; fi
cat $call/stdout
cat $call/stderr >&2
exit $status
`
}

/** Runs fpki for the scripts of a test; resolves to the port. */
async function answerCalls(): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).setEncoding('utf8')
    socket.on('data', (line: string) => {
      answer(line.trim()).then(
        (status) => socket.write(`${status}\n`),
        () => socket.destroy(),
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function answer(call: string): Promise<number | null | 'exec' | 'stdin'> {
  const partsOf = async (name: string) => (await readFile(join(call, name), 'utf8')).split('\0').slice(0, -1)
  const [cwd = '', ...words] = await partsOf('words')
  const variables = (await partsOf('env')).map(
    (text) => [text.replace(/=.*/s, ''), text.replace(/^.*?=/s, '')] as const,
  )
  const env = Object.fromEntries(variables.filter(([name]) => !OF_OTHERS.test(name)))
  const isServer = /^(api serve|devices serve|devices relay)$/.test(words.slice(0, 2).join(' '))
  if (isServer || words.some((word) => OF_PROCESS.test(word)) || needsProcess(words, { cwd, env })) return 'exec'
  const stdin = await readFile(join(call, 'stdin')).catch(() => null)
  if (words.includes('-') && stdin === null) return 'stdin'
  const { status, stdout, stderr } = await runInProcess(words, { cwd, env, ...(stdin === null ? {} : { stdin }) })
  await writeFile(join(call, 'stdout'), stdout)
  await writeFile(join(call, 'stderr'), stderr)
  return status
}
