import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ended, runProgram } from './support/cli.js'

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url))

/** What npm was configured with; its cache too, so that nothing is fetched twice. */
const NPM = Object.fromEntries(
  Object.entries(process.env)
    .filter(([name]) => /^npm_config_(cache|registry|https?_proxy|noproxy|cafile)$|_proxy$/i.test(name))
    .map(([name, value]) => [name, value ?? '']),
)

const FLAGS = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund']

let folder = ''
let home = ''
let tarball = ''
let contents: readonly string[] = []
let unpackedSize = Number.NaN

/** Runs a program in the folder where the package is installed, under an empty HOME. */
async function run(program: string, words: readonly string[]): Promise<Ended> {
  return runProgram(program, words, { cwd: folder, env: { ...NPM, HOME: home } })
}

async function succeed(program: string, words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run(program, words)
  expect({ status, said: status === 0 ? '' : `${stdout}${stderr}` }).toEqual({ status: 0, said: '' })
  return stdout
}

beforeAll(async () => {
  const temporary = await mkdtemp(join(tmpdir(), 'fpki-package-'))
  folder = join(temporary, 'project')
  home = join(temporary, 'home')
  await mkdir(folder)
  await mkdir(home)
  const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder, CHECKOUT]
  const [packed] = JSON.parse(await succeed('npm', words))
  unpackedSize = packed.unpackedSize
  tarball = join(folder, packed.filename)
  contents = packed.files.map(({ path }: { path: string }) => path)
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module' }))
  await succeed('npm', ['install', ...FLAGS, tarball])
})

afterAll(() => rm(join(folder, '..'), { recursive: true, force: true }))

describe('the tarball', () => {
  test('holds the program, the library with its types, the licence and other people’s', async () => {
    expect(contents).toEqual(
      expect.arrayContaining([
        ...['package.json', 'LICENSE', 'README.md', 'CHANGELOG.md', 'bin/fpki.js'],
        ...['dist/index.js', 'dist/types/index.d.ts', 'dist/THIRD-PARTY-NOTICES.txt'],
      ]),
    )
  })

  test('holds no source, no test, no key and nothing of this machine', () => {
    const allowed = /^(bin|dist|docs)\/|^(package\.json|LICENSE|SECURITY\.md|README\.md|CHANGELOG\.md)$/
    expect(contents.filter((path) => !allowed.test(path))).toEqual([])
    expect(
      contents.filter((path) => /\.(key|pem|tgz|log)$|(^|\/)(src|test|node_modules)\/|\.test\./.test(path)),
    ).toEqual([])
  })

  test('is small: what a release adds without being meant to shows here', () => {
    expect(unpackedSize).toBeLessThan(4_000_000)
  })
})

test('installed globally, it brings its manual pages to where man looks', async () => {
  const prefix = join(home, 'global')
  await succeed('npm', ['install', '--global', '--prefix', prefix, ...FLAGS, tarball])
  const page = await readFile(join(prefix, 'share/man/man1/fpki-ca-create.1'), 'utf8')
  expect(page).toContain('\\-\\-online\\-ca')
})

test('the lock file is one that `npm ci` takes, as README.md has it', async () => {
  const clone = join(folder, '..', 'clone')
  await mkdir(clone)
  for (const name of ['package.json', 'package-lock.json', '.npmrc'])
    await copyFile(join(CHECKOUT, name), join(clone, name))
  const flags = ['--dry-run', '--ignore-scripts', '--prefer-offline', '--no-audit']
  await succeed('npm', ['ci', '--prefix', clone, ...flags])
})

describe('installed in an empty folder, without a compiler', () => {
  test('npx finds the program', async () => {
    const { version } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8'))
    expect(await succeed('npx', ['--no-install', 'fpki', '--version'])).toBe(`${version}\n`)
  })

  test('nothing has to be compiled or run to install it', async () => {
    const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'))
    const installed: Record<string, { hasInstallScript?: true; optional?: true }> = lock.packages
    const scripts = Object.entries(installed).filter(
      ([, { hasInstallScript, optional }]) => hasInstallScript && !optional,
    )
    expect(scripts).toEqual([])
    expect(Object.keys(installed)).toContain('node_modules/fpki')
  })

  test('it makes a PKI and shows it', async () => {
    const directory = join(home, 'acme')
    const made = await succeed('npx', ['--no-install', 'fpki', 'ca', 'create', directory])
    expect(made).toContain('Made the PKI of the factory acme')
    const shown = await succeed('npx', ['--no-install', 'fpki', 'ca', 'show', '--just-root'])
    expect(shown).toBe(await readFile(join(directory, 'factory_ca.pem'), 'utf8'))
  })

  test('without the native part of pkcs11js an HSM cannot be used, and the message says what to install', async () => {
    const words = ['hsm', 'list', '--hsm-module', '/usr/lib/softhsm/libsofthsm2.so']
    const { status, stderr } = await run('npx', ['--no-install', 'fpki', ...words])
    expect({ status, code: /\[(\w+)\]/.exec(stderr)?.[1] }).toEqual({ status: 5, code: 'ERR_HSM_MODULE' })
    for (const name of ['pkcs11js', 'build-essential', 'npm install pkcs11js']) expect(stderr).toContain(name)
  })

  test('a TypeScript project type-checks against it, strictly and with its types checked too, and runs', async () => {
    const [, readme = ''] = /```ts\n([\s\S]*?)```/.exec(await readFile(join(CHECKOUT, 'README.md'), 'utf8')) ?? []
    expect(readme).toContain("from 'fpki'")
    await writeFile(join(folder, 'readme.ts'), readme)
    await writeFile(join(folder, 'main.ts'), PROGRAM)
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: COMPILER, files: ['main.ts', 'readme.ts'] }),
    )
    await mkdir(join(folder, 'node_modules', '@types'), { recursive: true })
    await symlink(join(CHECKOUT, 'node_modules/@types/node'), join(folder, 'node_modules/@types/node')).catch(
      () => undefined,
    )
    await succeed(join(CHECKOUT, 'node_modules/.bin/tsc'), ['-p', folder])
    const printed = await succeed(process.execPath, ['main.js', join(home, 'library'), join(home, 'state')])
    expect(printed).toBe('library root,online-ca,local-ca ERR_EXISTS\n')
  })

  test('a wrong use of it is found by the type-checker', async () => {
    await writeFile(join(folder, 'wrong.ts'), `import { createPki } from 'fpki'\nawait createPki({ directory: 1 })\n`)
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: COMPILER, files: ['wrong.ts'] }))
    const { status, stdout } = await run(join(CHECKOUT, 'node_modules/.bin/tsc'), ['-p', folder, '--noEmit'])
    expect(status).not.toBe(0)
    expect(stdout).toMatch(/wrong\.ts.*error TS/)
  })
})

const COMPILER = {
  target: 'es2023',
  lib: ['es2023'],
  module: 'nodenext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
}

/** Makes and shows a PKI with the library. */
const PROGRAM = `
import { createPki, embeddedFactoryOn, FpkiError, type ShownPki, showPki, shownPki, thisMachine } from 'fpki'

const [, , directory = '', stateDirectory = ''] = process.argv
const machine = thisMachine()
const { signal } = new AbortController()
const api = embeddedFactoryOn(machine, { stateDirectory, factory: 'library' }, signal)
const quiet = () => undefined
const ports = { ...machine, api, signal, progress: { step: quiet, note: quiet, warn: quiet } }
const options = { directory, factory: 'library', onlineCa: true, localCa: true, tlsNames: [] }
const made = await createPki(options, ports)
const shown: ShownPki = shownPki.parse(await showPki('library', api, machine.clock))
const roles: string = [shown.root, ...shown.deviceCas].map(({ role }) => role).join()
const again: unknown = await createPki(options, ports).catch((error: unknown) => error)
console.log(made.factory, roles, again instanceof FpkiError ? again.code : again)
`
