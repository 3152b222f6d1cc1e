import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { deleteFactoryResult } from '../../src/operations/api/delete-factory.js'
import { newFactory } from '../factory/support/embedded.js'
import { newHome, runProgram } from '../support/cli.js'
import { factoryServer } from '../support/factory-server.js'
import { withFpkiOnPath } from '../support/on-path.js'
import { createUpTo, holdFactory, interruptedCreate } from './interruption.js'
import { copiedPki, namesOf, x509 } from './made.js'
import { expectRefusal, expectWords } from './refusal.js'
import { modes, snapshot } from './snapshot.js'
import { CTRL_C, onTerminal } from './terminal.js'

/** The commands in backticks of a message. */
function advised(text: string): readonly string[] {
  return [...text.matchAll(/`(fpki [^`]+)`/g)].map(([, command = '']) => command)
}

describe('a second create', () => {
  test('with other gateway names, in the same directory, suggests a command that works', async () => {
    const { home, directory, path } = await copiedPki()
    const words = ['ca', 'create', directory, '--tls-name', 'gateway.example']
    await expectRefusal(home, words, { status: 3, code: 'ERR_EXISTS', names: ['rotate-tls', directory] })
    const { stderr } = await home.fpki(words)
    const rotate = advised(stderr).find((command) => command.includes('rotate-tls')) ?? ''
    const env = await withFpkiOnPath(home)
    expect(await runProgram('sh', ['-c', rotate.replace('HOST', 'gateway.example')], { env })).toMatchObject({
      status: 0,
    })
    expect(await namesOf(path('tls-crt'))).toEqual(['DNS:gateway.example'])
  })

  test('with other names, after an interruption, suggests to resume or abandon', async () => {
    const home = await newHome()
    const directory = join(home.path, 'my acme')
    await interruptedCreate(home, directory, ['--factory', 'acme'])
    const words = ['ca', 'create', directory, '--factory', 'acme', '--tls-name', 'gateway.example']
    const names = [`fpki ca resume '${directory}'`, `fpki ca abandon '${directory}'`]
    await expectRefusal(home, words, { status: 3, code: 'ERR_UNFINISHED', names })
    const { stderr } = await home.fpki(words)
    const [resume = ''] = advised(stderr)
    expect(await runProgram('sh', ['-c', resume], { env: await withFpkiOnPath(home) })).toMatchObject({ status: 0 })
  })

  test('in another directory reports the source of the factory name, and commands for each case', async () => {
    const { home } = await copiedPki()
    await home.fpki(['config', 'set', 'factory', 'acme'])
    const names = ['config.yaml', 'ca restore', 'rotate-tls DIR --tls-name', '--factory', 'delete-factory acme']
    const words = ['ca', 'create', join(home.path, 'other')]
    await expectRefusal(home, words, { status: 3, code: 'ERR_FACTORY_IS_SET', names })
  })

  test('a factory name from a configuration is pointed out', async () => {
    const home = await newHome()
    await home.fpki(['config', 'set', 'factory', 'bolt'])
    const { status, stderr } = await home.fpki(['ca', 'create', join(home.path, 'acme')])
    expect({ status, said: stderr.includes(`bolt is from ${home.path}/.config/fpki/config.yaml`) }).toEqual({
      status: 0,
      said: true,
    })
  })

  test('after rm -rf, the suggested command deletes the trial factory', async () => {
    const { home, directory } = await copiedPki()
    await rm(directory, { recursive: true })
    const { status, stderr } = await home.fpki(['ca', 'create', directory])
    expect(status).toBe(3)
    const command = advised(stderr).find((one) => one.includes('delete-factory')) ?? ''
    const env = await withFpkiOnPath(home)
    expect(await runProgram('sh', ['-c', `${command} --yes`], { env })).toMatchObject({ status: 0 })
    expect((await home.fpki(['ca', 'create', directory])).status).toBe(0)
  })
})

describe('api delete-factory', () => {
  test('moves the factory aside, and the command to undo that works', async () => {
    const { home, directory } = await copiedPki()
    const folder = join(home.state, 'factories', 'acme')
    const before = [await snapshot(folder), await modes(folder)]
    const pki = await snapshot(directory)
    await home.fpki(['api', 'token', 'create', '--factory', 'acme'])
    const { status, stdout } = await home.fpki(['api', 'delete-factory', 'acme', '--yes', '--json'])
    expect(status).toBe(0)
    const deleted = deleteFactoryResult.parse(JSON.parse(stdout))
    const fingerprint = (await x509(join(directory, 'factory_ca.pem'), '-fingerprint', '-sha256')).split('=')[1]
    expect(deleted.rootFingerprint).toBe(fingerprint?.replaceAll(':', '').toLowerCase())
    expect(deleted.tokens).toHaveLength(1)
    expect([await snapshot(deleted.copy), await modes(deleted.copy)]).toEqual(before)
    expect(await snapshot(directory)).toEqual(pki)
    expect((await home.fpki(['ca', 'show', '--factory', 'acme'])).status).not.toBe(0)
    await runProgram('mv', [deleted.copy, folder], {})
    expect((await home.fpki(['ca', 'verify', directory])).status).toBe(0)
  })

  test('asks for the name, and accepts no other answer', async () => {
    const { home } = await copiedPki()
    const before = await snapshot(home.path)
    for (const answer of ['yes\r', 'acm\r', CTRL_C]) {
      const { status } = await onTerminal(home, 'api delete-factory acme', [['type the name of the factory', answer]])
      expect(status).toBe(answer === CTRL_C ? 130 : 3)
    }
    expect(await snapshot(home.path)).toEqual(before)
    const { status, stdout } = await onTerminal(home, 'api delete-factory acme', [
      ['type the name of the factory', 'acme\r'],
    ])
    expect({ status, said: stdout.replace(/\s+/g, ' ').includes('To undo: `mv ') }).toEqual({ status: 0, said: true })
  })

  test('is refused without a terminal, for a missing factory, and during another command', async () => {
    const { home } = await copiedPki()
    const missing = { status: 3, code: 'ERR_NOT_INITIALIZED', names: ['"bolt"', 'acme'] }
    await expectRefusal(home, ['api', 'delete-factory', 'bolt', '--yes'], missing)
    await expectRefusal(home, ['api', 'delete-factory', '../acme', '--yes'], { ...missing, names: ['"../acme"'] })
    const asked = { status: 3, code: 'ERR_NOT_CONFIRMED', names: ['--yes'] }
    await expectRefusal(home, ['api', 'delete-factory', 'acme'], asked)
    const release = await holdFactory(home, 'acme')
    expectWords(await home.fpki(['api', 'delete-factory', 'acme', '--yes']), {
      status: 3,
      code: 'ERR_LOCKED',
      names: ['factory acme'],
    })
    await release()
  })
})

describe('ca root-csr', () => {
  test('creates no key for a factory with a root', async () => {
    const { home } = await copiedPki()
    const words = ['ca', 'root-csr', join(home.path, 'new'), '--factory', 'acme']
    await expectRefusal(home, words, { status: 3, code: 'ERR_FACTORY_IS_SET', names: ['--factory', 'acme'] })
  })

  test('asks a server, and warns if it is unreachable', async () => {
    const home = await newHome()
    const server = await factoryServer((await newFactory()).api)
    const env = { FPKI_API: server.url, FPKI_TOKEN: 'a-token', CACERT: server.root, FPKI_FACTORY: 'acme' }
    expect((await home.fpki(['ca', 'create', join(home.path, 'over')], { env })).status).toBe(0)
    const words = ['ca', 'root-csr', join(home.path, 'new')]
    await expectRefusal(home, words, { status: 3, code: 'ERR_FACTORY_IS_SET', names: ['FPKI_FACTORY'] }, { env })
    const offline = await home.fpki(words, { env: { ...env, FPKI_TOKEN: '' } })
    expect({ status: offline.status, warned: offline.stderr.includes('could not check that the factory') }).toEqual({
      status: 0,
      warned: true,
    })
  })
})

describe('Ctrl-C', () => {
  test('prints a command to resume that works when pasted', async () => {
    const home = await newHome()
    const directory = join(home.path, 'my acme')
    const passphrase = join(home.path, "the owner's")
    await writeFile(passphrase, 'correct horse battery', { mode: 0o600 })
    const release = await holdFactory(home, 'acme')
    const words = ['--factory', 'acme', '--encrypt-keys', '--passphrase-file', passphrase]
    const waiting = await createUpTo('requests', { home, directory, words })
    waiting.kill('SIGINT')
    const { status, stderr } = await waiting.ended
    await release()
    expect(status).toBe(130)
    const [, command = ''] = /Progress is saved; to finish: (fpki ca resume .*)\n/.exec(stderr) ?? []
    const finished = await runProgram('sh', ['-c', command], { env: await withFpkiOnPath(home) })
    expect({ ...finished, stdout: '', stderr: '' }).toMatchObject({ status: 0 })
    expect(
      (await home.fpki(['ca', 'verify', directory, '--offline'], { env: { FPKI_PASSPHRASE: 'correct horse battery' } }))
        .status,
    ).toBe(0)
  })

  test('includes --root-key, which no journal records', async () => {
    const home = await newHome()
    const directory = join(home.path, 'acme')
    const made = await copiedPki()
    const words = ['--root-cert', made.path('factory_ca.pem'), '--root-key', made.path('factory_ca.key')]
    const release = await holdFactory(home, 'acme')
    const waiting = await createUpTo('requests', { home, directory, words })
    waiting.kill('SIGTERM')
    const { stderr } = await waiting.ended
    await release()
    expect(stderr).toContain(`to finish: fpki ca resume ${directory} --root-key ${made.path('factory_ca.key')}\n`)
  })

  test('reports that a command saves no progress', async () => {
    const home = await newHome()
    const { status, stdout } = await onTerminal(home, 'login --api https://factory.example', [['Token', CTRL_C]])
    expect({ status, said: stdout.includes('saves no progress') }).toEqual({ status: 130, said: true })
  })
})
