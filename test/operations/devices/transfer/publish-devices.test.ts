import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { thisMachine } from '../../../../src/machine/index.js'
import type { OutputPlan } from '../../../../src/operations/devices/output/settings.js'
import { publishDevices } from '../../../../src/operations/devices/transfer/publish-devices.js'
import { batchFiles } from '../../../../src/storage/batch-files.js'
import { nodeFileSystem } from '../../../../src/storage/node-file-system.js'
import { output as run } from '../../../support/cli.js'
import { createLine, issueIn, pkiWithSite } from '../../../support/site.js'

async function scene() {
  const made = await pkiWithSite()
  await createLine(made.directory, 'line-1')
  const certificates = await issueIn(made.directory, 'line-1', 3)
  const publish = (output: OutputPlan, ca: string | null = null) => {
    const machine = thisMachine()
    const options = { directory: made.directory, factory: null, since: null, store: null, gateway: null, ostree: null }
    const batches = batchFiles(nodeFileSystem(), machine.random)
    const stdout = { write: async () => undefined }
    return publishDevices(
      { ...options, output, ca },
      { ...machine, batches, stdout, signal: new AbortController().signal },
    )
  }
  return { ...made, certificates, publish, at: (name: string) => join(made.home.path, name) }
}

test('folders for devices are written again from the register, without keys, and OpenSSL accepts them', async () => {
  const { directory, certificates, publish, at } = await scene()
  const result = await publish({ target: { kind: 'folder', path: at('devices') }, format: 'sota' })
  expect(result).toMatchObject({ file: at('devices'), format: 'sota', devices: 3, sha256: null })
  const uuids = certificates.map(({ uuid }) => uuid).sort()
  expect((await readdir(at('devices'))).filter((name) => !name.startsWith('.'))).toEqual(uuids)
  expect((await readdir(at(`devices/${uuids[0]}`))).sort()).toEqual([
    'client.chained',
    'client.pem',
    'root.crt',
    'sota.toml',
  ])
  const chain = ['-CAfile', join(directory, 'factory_ca.pem'), '-untrusted', join(directory, 'site-b.pem')]
  const pem = at(`devices/${uuids[0]}/client.pem`)
  expect(await run('openssl', ['verify', '-x509_strict', '-purpose', 'sslclient', ...chain, pem])).toContain('OK')
})

test('with devices of several CAs, one has to be named', async () => {
  const { directory, publish, at } = await scene()
  await issueIn(directory, 'default', 1, { file: 'local-ca.pem' })
  const plan = { target: { kind: 'file', path: at('a.jsonl') }, format: 'jsonl' } as const
  await expect(publish(plan)).rejects.toMatchObject({ code: 'ERR_USAGE', option: 'ca' })
  expect(await publish(plan, 'local-ca')).toMatchObject({ devices: 1 })
  expect((await readFile(at('a.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(1)
})
