import { execFileSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Ended, runProgram } from './support/cli.js'
import { deviceCsrs } from './support/device-requests.js'

const CHECKOUT = fileURLToPath(new URL('..', import.meta.url))

/** What npm was configured with; its cache too, so that nothing is fetched twice. */
const NPM = {
  npm_config_cache: execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim(),
  ...Object.fromEntries(
    Object.entries(process.env)
      .filter(([name]) => /^npm_config_(registry|https?_proxy|noproxy|cafile)$|_proxy$/i.test(name))
      .map(([name, value]) => [name, value ?? '']),
  ),
}

const FLAGS = ['--prefer-offline', '--no-audit', '--no-fund']

let folder = ''
let home = ''
let tarball = ''
let contents: readonly string[] = []
let unpackedSize = Number.NaN
let installation: Ended = { status: null, signal: null, stdout: '', stderr: '' }

/** Runs a program in the folder where the package is installed, under an empty HOME. */
async function run(program: string, words: readonly string[]): Promise<Ended> {
  return runProgram(program, words, { cwd: folder, env: { ...NPM, HOME: home } })
}

/** The program where npm has installed it; npx, which finds it, takes longer than most of what fpki does. */
const installed = () => join(folder, 'node_modules/.bin/fpki')

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
  installation = await run('npm', ['install', '--ignore-scripts', ...FLAGS, tarball])
})

afterAll(() => rm(join(folder, '..'), { recursive: true, force: true }))

describe('the tarball', () => {
  test('holds the program, the library with its types, the licences and the bill of materials', () => {
    expect(contents).toEqual(
      expect.arrayContaining([
        ...['package.json', 'LICENSE', 'README.md', 'CHANGELOG.md', 'docs/profile.md', 'bin/fpki.js'],
        ...['dist/index.js', 'dist/types/index.d.ts', 'dist/THIRD-PARTY-NOTICES.txt', 'dist/sbom.cdx.json'],
      ]),
    )
  })

  test('holds no source, no test, no key and nothing of this machine', () => {
    const allowed = /^(bin|deploy|dist|docs)\/|^(package\.json|LICENSE|SECURITY\.md|README\.md|CHANGELOG\.md)$/
    expect(contents.filter((path) => !allowed.test(path))).toEqual([])
    expect(
      contents.filter((path) => /\.(key|pem|tgz|log)$|(^|\/)(src|test|node_modules)\/|\.test\./.test(path)),
    ).toEqual([])
  })

  test('is small: what a release adds without being meant to shows here', () => {
    expect(unpackedSize).toBeLessThan(6_500_000)
  })
})

describe('what it needs', () => {
  test('is declared: every package that a file of dist imports', async () => {
    const { dependencies, peerDependencies } = await description()
    const imported = new Set((await Promise.all((await built()).map(importsOf))).flat())
    expect([...imported]).toEqual(expect.arrayContaining(['zod', 'pkijs', 'undici', 'fastify', 'pkcs11js']))
    expect([...imported].filter((name) => !(name in dependencies) && !(name in peerDependencies))).toEqual([])
  })

  test('is imported by the library, and no package is bundled into it', async () => {
    const library = (await built()).filter((file) => !file.startsWith('dist/cli/'))
    const texts = await Promise.all(library.map((file) => readFile(join(CHECKOUT, file), 'utf8')))
    expect(texts.join('')).not.toMatch(/__commonJS|ZodMiniType=|CertificateChainValidationEngine=/)
    const size = texts.reduce((sum, { length }) => sum + length, 0)
    expect(size).toBeLessThan(775_000)
  })

  test('is used as published: no overrides, no plugin in the build', async () => {
    expect(Object.keys(await description())).not.toContain('overrides')
    expect(await readFile(join(CHECKOUT, 'scripts/build.mjs'), 'utf8')).not.toMatch(/plugin|onLoad|onResolve/)
  })

  test('has one version of asn1js', async () => {
    const { packages } = JSON.parse(await readFile(join(CHECKOUT, 'package-lock.json'), 'utf8'))
    expect(Object.keys(packages).filter((path) => path.endsWith('node_modules/asn1js'))).toHaveLength(1)
  })

  test('is in the bill of materials, with a version and a licence', async () => {
    const { bomFormat, metadata, components } = JSON.parse(await readFile(join(CHECKOUT, 'dist/sbom.cdx.json'), 'utf8'))
    expect({ bomFormat, name: metadata.component.name }).toEqual({ bomFormat: 'CycloneDX', name: 'fpki' })
    const purls: string[] = components.map(({ purl }: { purl: string }) => purl)
    const listed = execFileSync('npm', ['ls', '--all', '--omit=dev', '--json', '--package-lock-only'], {
      cwd: CHECKOUT,
    })
    const running = packagesIn(JSON.parse(listed.toString('utf8')))
    expect(running.length).toBeGreaterThan(50)
    expect(purls.toSorted()).toEqual([...new Set(running)].toSorted())
    const silent = components.filter(({ licenses }: { licenses?: unknown[] }) => !licenses?.length)
    expect(silent).toEqual([])
  })

  test('is credited, with its licence, when it is bundled into the program', async () => {
    const notices = await readFile(join(CHECKOUT, 'dist/THIRD-PARTY-NOTICES.txt'), 'utf8')
    for (const name of ['commander', 'zod', 'pkijs', 'asn1js', 'undici', 'yaml', 'qr']) {
      expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(`, 'm'))
    }
    expect(notices).not.toMatch(/^(vitest|esbuild|typescript) /m)
  })
})

test('README.md does not install fpki by its name, which is not registered', async () => {
  const pages = (await readdir(join(CHECKOUT, 'docs'))).filter((name) => name.endsWith('.md'))
  for (const page of ['README.md', ...pages.map((name) => `docs/${name}`)]) {
    const text = await readFile(join(CHECKOUT, page), 'utf8')
    expect(text, page).not.toMatch(/npm (install|i|add|exec)( -\S+)* fpki\b|npx fpki\b/)
  }
})

test('installed globally, it installs its manual pages where man looks', async () => {
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

test("README.md's first line compiles nothing, so it works without a compiler and without Node's headers", async () => {
  const readme = await readFile(join(CHECKOUT, 'README.md'), 'utf8')
  expect(/^npm ci.*/m.exec(readme)?.[0]).toMatch(/^npm ci --ignore-scripts && npm run build && /)
})

describe('installed in an empty folder', () => {
  test('npm warns of nothing', () => {
    const { status, stderr } = installation
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  test('npx finds the program', async () => {
    const { version } = JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8'))
    expect(await succeed('npx', ['--no-install', 'fpki', '--version'])).toBe(`${version}\n`)
  })

  test('nothing is compiled, and no script has to run: one only looks whether SQLite is there, and did not run here', async () => {
    const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'))
    const installed: Record<string, { hasInstallScript?: true }> = lock.packages
    const scripted = Object.entries(installed).filter(([, { hasInstallScript }]) => hasInstallScript)
    expect(scripted.map(([path]) => path)).toEqual(['node_modules/@photostructure/sqlite'])
    expect(Object.keys(installed)).toContain('node_modules/fpki')
  })

  test('it makes a PKI and shows it', async () => {
    const directory = join(home, 'acme')
    const made = await succeed(installed(), ['ca', 'create', directory])
    expect(made).toContain('Created the PKI of the factory acme')
    const shown = await succeed(installed(), ['ca', 'show', '--just-root'])
    expect(shown).toBe(await readFile(join(directory, 'factory_ca.pem'), 'utf8'))
    // With SQLite, which is native.
    await writeFile(join(home, 'uuids.txt'), '0f3a8a7e-52a4-4c1c-9d0e-6a51b8d2a001\n')
    const out = ['--from', join(home, 'uuids.txt'), '--make-keys', '--out', join(home, 'devices')]
    const issued = await run(installed(), ['devices', 'issue', directory, ...out])
    expect({ status: issued.status, stderr: issued.stderr }).toEqual({
      status: 0,
      stderr: expect.stringContaining('1 issued'),
    })
  })

  test('an HSM cannot be used without pkcs11js, and the message says what to install', async () => {
    const words = ['hsm', 'list', '--hsm-module', '/usr/lib/softhsm/libsofthsm2.so']
    const { status, stderr } = await run(installed(), words)
    expect({ status, code: /\[(\w+)\]/.exec(stderr)?.[1] }).toEqual({ status: 5, code: 'ERR_HSM_MODULE' })
    for (const name of ['pkcs11js', 'build-essential', 'npm install pkcs11js']) expect(stderr).toContain(name)
  })

  test('a TypeScript project with fpki alone type-checks, strictly and with its types checked too, and runs', async () => {
    const [, readme = ''] = /```ts\n([\s\S]*?)```/.exec(await readFile(join(CHECKOUT, 'README.md'), 'utf8')) ?? []
    expect(readme).toContain("from 'fpki'")
    await writeFile(join(folder, 'readme.ts'), readme)
    const [, devices = ''] =
      /```ts\n([\s\S]*?)```/.exec(await readFile(join(CHECKOUT, 'docs/devices.md'), 'utf8')) ?? []
    await writeFile(join(folder, 'devices.ts'), devices.replaceAll("'/srv/", "process.env.HOME + '/"))
    await writeFile(join(folder, 'main.ts'), PROGRAM)
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: COMPILER, files: ['main.ts', 'readme.ts', 'devices.ts'] }),
    )
    await succeed(join(CHECKOUT, 'node_modules/.bin/tsc'), ['-p', folder])
    const printed = await succeed(process.execPath, ['main.js', join(home, 'library'), join(home, 'state')])
    expect(printed).toBe('library root,online-ca,local-ca ERR_EXISTS\ntls-crt.bak\nDNS:plant.example\n')
  })

  test('a project issues devices with the library, in worker threads of the package', async () => {
    const csrs = deviceCsrs(80).map(({ pem }) => pem)
    await writeFile(join(home, 'csrs'), csrs.join(''))
    const printed = await succeed(process.execPath, ['devices.js'])
    expect(printed.match(/^issued [0-9a-f-]{36}$/gm)).toHaveLength(80)
  })

  test('a wrong use of it is found by the type-checker', async () => {
    await writeFile(join(folder, 'wrong.ts'), `import { createPki } from 'fpki'\nawait createPki({ directory: 1 })\n`)
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...COMPILER, skipLibCheck: true }, files: ['wrong.ts'] }),
    )
    const { status, stdout } = await run(join(CHECKOUT, 'node_modules/.bin/tsc'), ['-p', folder, '--noEmit'])
    expect(status).not.toBe(0)
    expect(stdout).toMatch(/wrong\.ts.*error TS/)
  })
})

const COMPILER = {
  target: 'es2023',
  lib: ['es2023'],
  module: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
}

/** Makes, shows and changes a PKI with the library, and signs a request. */
const PROGRAM = `
import { execFileSync } from 'node:child_process'
import {
  createPki, type CreatePkiOptions, embeddedFactoryOn, FpkiError, rotateTls, type ShowPkiResult, showPki, showPkiResult, signRequest, thisMachine,
} from 'fpki'

const [, , directory = '', stateDirectory = ''] = process.argv
const machine = thisMachine()
const { signal } = new AbortController()
const api = embeddedFactoryOn({ stateDirectory, factory: 'library' }, { ...machine, signal })
const quiet = () => undefined
const ports = { ...machine, api, signal, progress: { step: quiet, note: quiet, warn: quiet } }
const options: CreatePkiOptions = {
  directory, factory: 'library', root: { kind: 'new-file' }, localCa: { kind: 'file' }, onlineCa: true, tlsNames: [],
}
const made = await createPki(options, ports)
const shown: ShowPkiResult = showPkiResult.parse(await showPki({ factory: 'library' }, ports))
const roles: string = [shown.root, ...shown.deviceCas].map(({ role }) => role).join()
const again: unknown = await createPki(options, ports).catch((error: unknown) => error)
console.log(made.factory, roles, again instanceof FpkiError ? again.code : again)

const { keptAs } = await rotateTls({ directory, factory: 'library', tlsNames: [] }, ports)
console.log(keptAs)

const words = ['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null']
const names = ['-subj', '/CN=plant.example', '-addext', 'subjectAltName=DNS:plant.example']
const request = execFileSync('openssl', [...words, ...names], { encoding: 'utf8', stdio: 'pipe' })
const order = { request, what: 'plant.csr', path: 'plant.csr', directory, factory: null, profile: null, days: null, out: null }
const { certificate } = await signRequest(order, ports)
console.log(certificate.subjectAltNames.join())
`

async function description(): Promise<Record<'dependencies' | 'peerDependencies', Record<string, string>>> {
  return JSON.parse(await readFile(join(CHECKOUT, 'package.json'), 'utf8'))
}

interface Listed {
  readonly dependencies?: Readonly<Record<string, Listed & { readonly version?: string }>>
}

/** The package URLs of all that `npm ls` lists. */
function packagesIn({ dependencies = {} }: Listed): readonly string[] {
  return Object.entries(dependencies).flatMap(([name, listed]) =>
    listed.version === undefined
      ? []
      : [`pkg:npm/${name.replace('@', '%40')}@${listed.version}`, ...packagesIn(listed)],
  )
}

/** The files of JavaScript that the build has made. */
async function built(): Promise<readonly string[]> {
  const files = await Promise.all(
    ['dist', 'dist/cli'].map(async (path) => (await readdir(join(CHECKOUT, path))).map((name) => `${path}/${name}`)),
  )
  return files.flat().filter((file) => file.endsWith('.js'))
}

/** The packages that a built file imports. */
async function importsOf(file: string): Promise<readonly string[]> {
  const text = await readFile(join(CHECKOUT, file), 'utf8')
  const specifier = /(?:\bfrom|\bimport|\bimport\()"((?:@[a-z0-9-]+\/)?[a-z0-9][a-z0-9._-]*(?:[:/][\w./-]*)?)"/g
  const names = [...text.matchAll(specifier)].map(([, name = '']) => name)
  const packages = names.map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? '')
  return packages.filter((name) => !name.startsWith('node:') && !builtinModules.includes(name))
}
