import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { newHome, output, runProgram } from './support/cli.js'
import { withFpkiOnPath } from './support/on-path.js'
import { linesOf } from './support/paper.js'

const GUIDE = fileURLToPath(new URL('../docs/ceremony.md', import.meta.url))

test('docs/ceremony.md works as it stands, with a folder for the stick', async () => {
  const [make = '', paper = '', tryIt = '', take = '', whose = '', sign = '', again = '', ...more] = [
    ...(await readFile(GUIDE, 'utf8')).matchAll(/```sh\n([\s\S]*?)```/g),
  ].map(([, block = '']) => block)
  expect(more).toEqual([])
  const home = await newHome()
  const env = await withFpkiOnPath(home)
  const stick = join(home.path, 'usb')
  await mkdir(stick)
  const run = async (block: string) => {
    const script = `set -eu\numask 077\n${block.replaceAll('/media/usb', stick)}`
    const { status, stdout, stderr } = await runProgram('sh', ['-c', script], { env, cwd: home.path })
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' })
    return stdout
  }
  expect(await run(make)).toMatch(/sha256 Fingerprint=/i)
  await run(paper)
  const sheets = await Promise.all(
    [1, 4, 5].map((number) => linesOf(join(home.path, 'sheets', `sheet-${number}.html`))),
  )
  const typed = () => writeFile(join(home.path, 'typed.txt'), sheets.flat().join('\n'))
  await typed()
  expect(await run(tryIt)).toContain('It signed a test message, and matches')
  await writeFile(join(home.path, 'phrase'), 'seventy-six trombones\n', { mode: 0o600 })
  await run(take)
  expect(await output('sh', ['-c', 'cd "$0" && grep -rlE "PRIVATE KEY" . || true', stick])).toBe('')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', join(home.path, 'k')]
  const [, name = ''] = /^subject=OU=acme,CN=(fio-\w+)$/m.exec(await run(whose)) ?? []
  const subject = ['-subj', `/CN=${name}/OU=acme`, '-addext', 'basicConstraints=critical,CA:TRUE', '-utf8']
  await output('openssl', ['req', '-new', ...key, ...subject, '-out', join(stick, 'plant.csr')])
  await run(sign)
  await typed()
  await run(again)
  const signed = ['plant.pem', 'plant-2.pem'].map((name) => join(stick, name))
  await output('openssl', ['verify', '-CAfile', join(stick, 'root.pem'), ...signed])
})
