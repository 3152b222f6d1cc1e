import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CertificateStatus } from '../../src/devices/denial.js'
import { deviceFiles } from '../../src/machine/devices.js'
import { thisMachine } from '../../src/machine/index.js'
import { writeAnswers } from '../../src/operations/ocsp/export-answers.js'
import { openPki } from '../../src/operations/open-pki.js'
import { ocspScene } from '../operations/ocsp/scene.js'
import { temporaryDirectory } from '../support/cli.js'
import { freePort, startNginx } from './support/nginx.js'

const AT = Date.parse('2026-11-20T10:00:00Z')

test('nginx serves exported answers with the configuration of docs/ocsp.md', async () => {
  const scene = await ocspScene()
  const machine = thisMachine()
  const pki = await openPki(machine.files, scene.directory, null)
  // nginx may run as a user who must not look into the folders of the tests.
  const parent = await temporaryDirectory()
  await chmod(parent, 0o711)
  const out = join(parent, 'answers')
  await mkdir(out, { mode: 0o755 })
  const devices = Array.from({ length: 70 }, () => scene.certificate())
  const denied = scene.certificate({ revocation: { at: AT, reason: 'keyCompromise' } })
  const register = {
    allStatuses: async function* ({ ca }: { readonly ca: string | null }) {
      expect(ca).toBe(scene.ca)
      for (const status of scene.register.known.values() as Iterable<CertificateStatus>)
        yield { ...status, der: new Uint8Array() }
    },
  }
  const options = { out, ca: null, validity: 7 * 86_400_000 }
  const ports = {
    ...machine,
    progress: { step: ignore, note: ignore, warn: ignore },
    signal: new AbortController().signal,
  }
  const write = () => writeAnswers({ pki, register }, options, { ...ports, batches: deviceFiles(machine).batchFiles })
  const result = await write()
  expect(result).toMatchObject({ folder: out, cas: ['local-ca.pem'], good: 70, revoked: 1 })
  // A second run replaces them.
  expect(await write()).toMatchObject({ good: 70, revoked: 1 })
  const names = await readdir(out)
  expect(names).toHaveLength(71)
  expect((await stat(join(out, names[0] ?? ''))).mode & 0o777).toBe(0o644)

  const port = await freePort()
  const [, block = ''] = /```nginx\n([\s\S]*?)```/.exec(await readFile('docs/ocsp.md', 'utf8')) ?? []
  const configuration = join(scene.home.path, 'ocsp.conf')
  await writeFile(configuration, block.replace('listen 80', `listen 127.0.0.1:${port}`).replace('/srv/ocsp', out))
  await startNginx(configuration, port)
  const get = async (request: Buffer, encode: (text: string) => string) => {
    const answer = await fetch(`http://127.0.0.1:${port}/${encode(request.toString('base64'))}`)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/ocsp-response'])
    return new Uint8Array(await answer.arrayBuffer())
  }
  const requests = await Promise.all(devices.slice(0, 40).map((serial) => scene.request(serial)))
  for (const request of requests) await get(request, encodeURIComponent)
  // Among so many, some have a slash in what differs.
  const slashed = requests.find((request) => request.toString('base64').slice(90).includes('/')) ?? Buffer.from('')
  for (const encode of [encodeURIComponent, (text: string) => text]) {
    const read = await scene.read(slashed, await get(slashed, encode))
    expect(read).toMatch(/Response verify OK[\s\S]*: good/)
  }
  const request = await scene.request(denied)
  const read = await scene.read(request, await get(request, encodeURIComponent))
  expect(read).toMatch(/Response verify OK[\s\S]*Revocation Reason: keyCompromise/)
})

function ignore(): void {
  // Nothing is said here.
}
