import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { output } from '../../support/cli.js'
import { deviceCsrs } from '../../support/device-requests.js'
import { ALL_POINTS } from '../../support/points.js'
import { homeWith, TOKENS } from '../../support/token.js'
import { registered } from '../devices/scene.js'
import { expectWords } from '../refusal.js'

test.each(ALL_POINTS ? TOKENS : TOKENS.slice(0, 1))(
  'devices are issued by local-ca with its key in %s, and by nobody with a wrong PIN',
  async (_, newToken) => {
    const token = await newToken()
    const home = await homeWith(token)
    const directory = join(home.path, 'acme')
    const create = ['ca', 'create', directory, ...token.flags, '--local-ca-in-hsm', '--quiet']
    expect(await home.fpki(create)).toMatchObject({ status: 0 })
    const requests = deviceCsrs(20)
    const [from, out] = [join(home.path, 'requests.pem'), join(home.path, 'devices')]
    await writeFile(from, requests.map(({ pem }) => pem).join(''))
    const words = ['devices', 'issue', directory, '--from', from, '--out', out, '--hsm-sessions', '4']

    const wrong = await home.spawn(words, { env: { FPKI_HSM_PIN: '00000000' } })
    expectWords(wrong, { status: 5, code: 'ERR_HSM_PIN', names: [] })
    expect((await registered(directory)).size).toBe(0)
    expect(await readdir(home.path)).not.toContain('devices')

    const ended = await home.spawn(words)
    expect(ended).toMatchObject({ status: 0, stdout: '' })
    expect(ended.stderr).toContain('20 issued')
    const files = requests.map(({ uuid }) => join(out, uuid, 'client.pem'))
    const trust = ['-CAfile', join(directory, 'factory_ca.pem'), '-untrusted', join(directory, 'local-ca.pem')]
    const verified = await output('openssl', ['verify', '-x509_strict', '-purpose', 'sslclient', ...trust, ...files])
    expect(verified.match(/: OK$/gm)).toHaveLength(20)
    expect((await registered(directory)).size).toBe(20)
    const again = await home.spawn(words)
    expect(again.stderr).toContain('0 issued, 20 reused')
  },
)
