import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { CertificateStatus, DenialReason } from '../../../../src/devices/denial.js'
import { thisMachine } from '../../../../src/machine/index.js'
import { checkListFile } from '../../../../src/operations/devices/publish/list-file.js'
import { EMPTY_NGINX_MAP, nginxMapFile, writeNginxMap } from '../../../../src/operations/devices/publish/nginx-map.js'
import { batchFiles } from '../../../../src/storage/batch-files.js'
import { nodeFileSystem } from '../../../../src/storage/node-file-system.js'
import { ask, freePort, startNginx } from '../../../interop/support/nginx.js'
import { GATEWAY } from '../../../interop/support/pki.js'
import { output, temporaryDirectory } from '../../../support/cli.js'
import { uuidNumber } from '../../../support/device-register.js'
import { ALL_POINTS } from '../../../support/points.js'

const SIGNAL = new AbortController().signal
const NOW = new Date('2026-11-26T12:00:00Z')

/** What a register would have of revoked certificates. */
function revokedOf(serials: Iterable<string>, reason: DenialReason = 'keyCompromise') {
  return {
    async *revoked(): AsyncGenerator<CertificateStatus> {
      for (const serial of serials)
        yield { serial, uuid: uuidNumber(1), ca: '00', notAfter: 0, revocation: { at: 0, reason }, endsAt: null }
    },
  }
}

const machine = thisMachine()
const ports = { files: machine.files, batches: batchFiles(nodeFileSystem(), machine.random) }

async function write(path: string, serials: Iterable<string>, reason?: DenialReason) {
  await checkListFile(nginxMapFile(path), ports)
  return writeNginxMap(path, { register: revokedOf(serials, reason), now: NOW, signal: SIGNAL }, ports)
}

describe('the deny list of an nginx', () => {
  test('replaces an earlier one, and everybody may read it', async () => {
    const path = join(await temporaryDirectory(), 'denied.map')
    expect(await write(path, ['0f', '8a1b2c', '0f'])).toBe(2)
    expect(await readFile(path, 'utf8')).toBe(
      EMPTY_NGINX_MAP.replace('}\n', '    "0F" keyCompromise;\n    "8A1B2C" keyCompromise;\n}\n'),
    )
    expect((await stat(path)).mode & 0o777).toBe(0o644)
    expect(await write(path, [])).toBe(0)
    expect(await readFile(path, 'utf8')).toBe(EMPTY_NGINX_MAP)
  })

  test.each([
    ['a certificate', '-----BEGIN CERTIFICATE-----\n'],
    ['another map', 'map $ssl_client_serial $denied {}\n'],
  ])('does not replace %s', async (_, text) => {
    const path = join(await temporaryDirectory(), 'denied.map')
    await writeFile(path, text)
    await expect(write(path, ['0f'])).rejects.toMatchObject({ code: 'ERR_EXISTS', option: 'nginxMap' })
    expect(await readFile(path, 'utf8')).toBe(text)
  })

  test('needs a folder', async () => {
    const path = join(await temporaryDirectory(), 'none', 'denied.map')
    await expect(write(path, [])).rejects.toMatchObject({ code: 'ERR_BAD_FILE' })
  })

  test('leaves the earlier one when the register fails', async () => {
    const path = join(await temporaryDirectory(), 'denied.map')
    await write(path, ['0f'])
    const before = await readFile(path, 'utf8')
    const failing = {
      async *revoked(): AsyncGenerator<CertificateStatus> {
        yield* revokedOf(['10']).revoked()
        throw new Error('the register is away')
      },
    }
    await expect(writeNginxMap(path, { register: failing, now: NOW, signal: SIGNAL }, ports)).rejects.toThrow('away')
    expect(await readFile(path, 'utf8')).toBe(before)
  })
})

/** Serial numbers as the register has them, with a leading zero digit, a leading zero octet in DER, and one octet. */
const SERIALS = ['0f', '8a1b2c', '0123456789abcdef0123456789abcdef01234567', '40'.repeat(20)]

test('nginx finds each serial number in the form that it prints itself', async () => {
  const folder = await temporaryDirectory()
  const at = (name: string) => join(folder, name)
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
  await output('openssl', [
    'req',
    '-x509',
    ...key,
    '-subj',
    '/CN=ca',
    '-addext',
    `subjectAltName=DNS:${GATEWAY}`,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  ])
  const devices = [...SERIALS, '10']
  for (const serial of devices) {
    await output('openssl', [
      'req',
      '-new',
      ...key,
      '-subj',
      '/CN=device',
      '-keyout',
      at(`${serial}.key`),
      '-out',
      at('csr'),
    ])
    const by = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-set_serial', `0x${serial}`]
    await output('openssl', ['x509', '-req', '-in', at('csr'), ...by, '-days', '30', '-out', at(`${serial}.pem`)])
  }
  const port = await freePort()
  await write(at('denied.map'), SERIALS)
  const tls = `ssl_certificate ${at('ca.pem')}; ssl_certificate_key ${at('ca.key')};`
  const server = `${tls} ssl_client_certificate ${at('ca.pem')}; ssl_verify_client on; ssl_protocols TLSv1.3; return 200 "$fpki_denied";`
  await writeFile(at('conf'), `include ${at('denied.map')}; server { listen 127.0.0.1:${port} ssl; ${server} }\n`)
  const nginx = await startNginx(at('conf'), port)
  const answers = devices.map(async (serial) => {
    const identity = { key: at(`${serial}.key`), certificate: at(`${serial}.pem`) }
    const { status, body } = await ask(nginx, at('ca.pem'), { identity })
    return [status, body]
  })
  expect(await Promise.all(answers)).toEqual([...SERIALS.map(() => [200, 'keyCompromise']), [200, '']])
})

test.runIf(ALL_POINTS)('nginx loads a million of them without a warning', async () => {
  const folder = await temporaryDirectory()
  const at = (name: string) => join(folder, name)
  function* million() {
    for (let number = 0; number < 1_000_000; number++)
      yield (2n ** 158n + BigInt(number) * 7919n ** 9n).toString(16).slice(0, 40)
  }
  expect(await write(at('denied.map'), million())).toBe(1_000_000)
  const { nginxConfiguration } = await import('../../../../src/operations/gateway/gateway-nginx.js')
  await output('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=a',
    '-keyout',
    at('tls.pem'),
    '-out',
    at('crt'),
  ])
  await writeFile(at('tls.pem'), `${await readFile(at('tls.pem'), 'utf8')}${await readFile(at('crt'), 'utf8')}`)
  await writeFile(at('device-cas.pem'), await readFile(at('crt')))
  await writeFile(at('denied-devices.map'), await readFile(at('denied.map')))
  const options = { at: folder, listen: '127.0.0.1:1', upstream: 'http://127.0.0.1:1', denyList: true }
  await writeFile(at('conf'), `events {} http { ${nginxConfiguration(options, [], true)} }`)
  const env = { PATH: `${process.env['PATH']}:/usr/sbin` }
  const { runProgram } = await import('../../../support/cli.js')
  const { status, stderr } = await runProgram(
    'nginx',
    ['-t', '-p', folder, '-e', at('log'), '-g', `pid ${at('pid')};`, '-c', at('conf')],
    { env },
  )
  expect({ status, stderr }).toMatchObject({ status: 0, stderr: expect.not.stringContaining('warn') })
})
