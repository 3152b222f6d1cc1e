import { mkdir, readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { copiedPki } from './cli/made.js'
import { newHome, runProgram } from './support/cli.js'
import { GUIDES, type Guide, WITH_TESTS_OF_THEIR_OWN } from './support/guides.js'
import { withFpkiOnPath } from './support/on-path.js'
import { SOFTHSM } from './support/token.js'

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url))

/** The shell blocks of a guide, in order. */
async function blocksOf(name: string): Promise<readonly string[]> {
  const text = await readFile(join(CHECKOUT, name), 'utf8')
  // Blocks under another name would not run.
  expect(text).not.toMatch(/^ *```(bash|shell|console|zsh)|^ +```sh/m)
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = '']) => block)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** A function of every guide's shell: it starts a server, waits until it listens, and ends it before the shell ends. */
const SHELL = `set -euo pipefail
running=''
stop() {
  [ -z "$running" ] || kill $running
  wait
  while [ -e "$HOME/nginx.pid" ]; do sleep 0.05; done
}
trap stop EXIT
serve() {
  rm -f served
  fpki api serve "$@" > served 2>&1 &
  running="$running $!"
  until grep -qs https:// served; do kill -0 $!; sleep 0.05; done
}
`

/** Places of other people's machines, which are folders of the HOME here. */
const PLACES: readonly (readonly [written: RegExp, run: string])[] = [
  [/(?<=[ =])\/(srv|mnt\/usb|var\/lib\/node_exporter)(?=\/)/g, '"$HOME"/$1'],
  [/\/usr\/lib\/softhsm\/libsofthsm2\.so/g, SOFTHSM],
]

/** The script of a guide: its blocks with what the table says of them, which all must be there. */
function scriptOf(
  blocks: readonly string[],
  { instead = [], before = [], notHere = [], ports: portsOf = {} }: Guide,
): string {
  let text = `\n${blocks.join('')}`
  const change = (written: string, run: string) => {
    expect(text).toContain(written)
    text = text.replace(written, () => run)
  }
  for (const [line] of notHere) change(`\n${line}\n`, '\n')
  for (const [line, shell] of before) change(`\n${line}`, `\n${shell}\n${line}`)
  for (const [written, run] of instead) change(written, run)
  for (const [written, run] of PLACES) text = text.replace(written, run)
  for (const [port, name] of Object.entries(portsOf)) text = text.replaceAll(`:${port}`, `:$${name}`)
  // With -e a shell goes on when what stands before && fails.
  text = text.replaceAll(' && ', '\n')
  return `${SHELL}set -x${text}`
}

describe('a guide runs as written, in order', () => {
  test.each(Object.entries(GUIDES))('%s', async (name, guide) => {
    const { home } = guide.begins === 'empty' ? { home: await newHome() } : await copiedPki()
    const onPath = await withFpkiOnPath(home)
    for (const folder of ['srv', 'mnt/usb']) await mkdir(join(home.path, folder), { recursive: true })
    const names = ['port', 'other', ...Object.values(guide.ports ?? {})]
    const ports = Object.fromEntries(await Promise.all(names.map(async (name) => [name, String(await freePort())])))
    // nginx is not on the PATH of ordinary users.
    const env = { ...onPath, PATH: `${onPath.PATH}:/usr/sbin`, ...ports, guide: join(CHECKOUT, name), ...guide.env }
    const script = scriptOf(await blocksOf(name), guide)
    const { status, stderr } = await runProgram('bash', ['-c', script], { env, cwd: home.path })
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
  })

  test('all guides with shell blocks are in the table, or have a test of their own', async () => {
    const names = (await readdir(join(CHECKOUT, 'docs'))).map((name) => `docs/${name}`)
    const known = { ...GUIDES, ...WITH_TESTS_OF_THEIR_OWN }
    for (const name of ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', ...names]) {
      if ((await blocksOf(name)).length > 0) expect(Object.keys(known)).toContain(name)
    }
  })
})
