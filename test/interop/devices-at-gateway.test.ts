import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ask, freePort, startNginx, startUpstream, TLS_VERSIONS } from './support/nginx.js'
import { newPki } from './support/pki.js'

test('nginx admits devices of a batch, and rejects them once their CA is disabled or they are denied', async () => {
  const pki = await newPki()
  const [port, upstream] = [await freePort(), await startUpstream()]
  const fpki = async (...words: readonly string[]) => {
    const { status, stderr } = await pki.home.fpki([...words, '--quiet'])
    expect({ status, stderr }).toMatchObject({ status: 0, stderr: expect.not.stringContaining('error') })
  }
  const batch = async (ca: string) => {
    const uuids = [randomUUID(), randomUUID()]
    const [from, out] = [join(pki.home.path, `${ca}.txt`), join(pki.home.path, ca)]
    await writeFile(from, uuids.join('\n'))
    const words = ['--from', from, '--make-keys', '--ca', ca, '--out', out]
    await fpki('devices', 'issue', pki.directory, ...words)
    return uuids.map((uuid) => ({ uuid, at: (name: string) => join(out, uuid, name) }))
  }
  await fpki('ca', 'add-device-ca', pki.directory, '--local-ca', '--local-ca-filename', 'site-b.pem')
  const [local, site] = [await batch('local-ca'), await batch('site-b')]
  const gateway = join(pki.home.path, 'gateway')
  const exportIt = (...more: readonly string[]) => {
    const listen = ['--listen', `127.0.0.1:${port}`, '--upstream', upstream.url]
    return fpki('api', 'export-gateway', 'acme', gateway, ...listen, ...more)
  }
  await exportIt()
  const nginx = await startNginx(join(gateway, 'nginx.conf'), port)

  /** The HTTP status that each device gets, with each file of certificates and each version of TLS. */
  const statuses = async (devices: typeof local) => {
    const asked = devices.flatMap(({ at }) =>
      ['client.pem', 'client.chained'].flatMap((file) =>
        TLS_VERSIONS.map(async (version) => {
          const identity = { key: at('pkey.pem'), certificate: at(file) }
          // The device trusts what it was given.
          return (await ask(nginx, at('root.crt'), { identity, version })).status
        }),
      ),
    )
    return [...new Set(await Promise.all(asked))]
  }
  expect([await statuses(local), await statuses(site)]).toEqual([[200], [200]])
  expect(upstream.seen.some((headers) => String(headers['x-device-subject']).includes(`CN=${site[0]?.uuid}`))).toBe(
    true,
  )
  await fpki('ca', 'disable-device-ca', pki.directory, '--ca-file', 'site-b.pem')
  await exportIt('--replace')
  await nginx.reload()
  expect([await statuses(local), await statuses(site)]).toEqual([[200], [400]])

  const [denied, ...others] = local.map((device) => [device])
  const uuid = denied?.[0]?.uuid ?? ''
  const publish = () => fpki('devices', 'publish', pki.directory, '--nginx-map', join(gateway, 'denied-devices.map'))
  await exportIt('--replace', '--deny-list')
  await fpki('devices', 'deny', pki.directory, uuid)
  await publish()
  await nginx.reload()
  expect([await statuses(denied ?? []), await statuses(others.flat())]).toEqual([[403], [200]])
  // Another export keeps the list; the end of the denial is on the next one.
  await exportIt('--replace')
  await nginx.reload()
  expect(await statuses(denied ?? [])).toEqual([403])
  await fpki('devices', 'allow', pki.directory, uuid)
  await publish()
  await nginx.reload()
  expect(await statuses(denied ?? [])).toEqual([200])
})
