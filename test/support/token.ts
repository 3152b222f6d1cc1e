import { existsSync } from 'node:fs'
import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { HsmChoice, TokenLogin } from '../../src/ports.js'
import { type Home, homeAt, newHome, output, runProgram, temporaryDirectory } from './cli.js'

/** The user PIN of every token of the tests but fioctl's; nothing else in the tests has these digits. */
export const PIN = '73915204'
const SO_PIN = '84026315'

/** The login to those tokens. */
export const LOGIN: TokenLogin = { keypad: false, allowFinalPinTry: false, pin: async () => PIN }

/** A software token that belongs to one test. */
export interface TestToken {
  readonly module: string
  readonly label: string
  readonly initArgs: string
  /** Where the module finds the token. */
  readonly env: Readonly<Record<string, string>>
  /** The folder that holds the token; renamed, the token is gone. */
  readonly folder: string
  /** The flags that name it, without its PIN. */
  readonly flags: readonly string[]
}

/** A library of Debian's, wherever this one has it. */
function library(...paths: readonly string[]): string {
  const found = paths.find((path) => existsSync(path))
  if (found === undefined) throw new Error(`none of ${paths.join(', ')}: run scripts/test-tools.sh`)
  return found
}

function inLibraryFolders(name: string): readonly string[] {
  return ['x86_64', 'aarch64', 'riscv64'].map((cpu) => `/usr/lib/${cpu}-linux-gnu/${name}`)
}

export const SOFTHSM = library('/usr/lib/softhsm/libsofthsm2.so', ...inLibraryFolders('softhsm/libsofthsm2.so'))
const SOFTOKN = library(...inLibraryFolders('libsoftokn3.so'), ...inLibraryFolders('nss/libsoftokn3.so'))

/** An empty folder of SoftHSM tokens. */
export async function softHsmFolder(): Promise<{ folder: string; env: { SOFTHSM2_CONF: string } }> {
  const path = await temporaryDirectory()
  const folder = join(path, 'tokens')
  await mkdir(folder)
  const configuration = join(path, 'softhsm2.conf')
  await writeFile(configuration, `directories.tokendir = ${folder}\nobjectstore.backend = file\nlog.level = ERROR\n`)
  return { folder, env: { SOFTHSM2_CONF: configuration } }
}

/** A SoftHSM token; more of them in one folder are several readers. */
export async function softHsm(label = 'acme', place?: Awaited<ReturnType<typeof softHsmFolder>>): Promise<TestToken> {
  const { folder, env } = place ?? (await softHsmFolder())
  await output('softhsm2-util', ['--init-token', '--free', '--label', label, '--so-pin', SO_PIN, '--pin', PIN], { env })
  return { module: SOFTHSM, label, initArgs: '', env, folder, flags: flagsOf(SOFTHSM, label) }
}

/** The token that fioctl has made: PIN 1234. */
export async function fioctlToken(): Promise<TestToken> {
  const { folder, env } = await softHsmFolder()
  await cp(fioctlFixture('token'), folder, { recursive: true })
  await runProgram('chmod', ['-R', 'u+w', folder])
  return { module: SOFTHSM, label: 'acme-root', initArgs: '', env, folder, flags: flagsOf(SOFTHSM, 'acme-root') }
}

/** A part of the PKI that fioctl has made with its key in an HSM. */
export function fioctlFixture(name: 'token' | 'pki'): string {
  return fileURLToPath(new URL(`../fixtures/fioctl/hsm/${name}`, import.meta.url))
}

/** NSS's software token, which has nothing in common with SoftHSM. */
async function nssToken(): Promise<TestToken> {
  const path = await temporaryDirectory()
  const folder = join(path, 'db')
  await mkdir(folder)
  await writeFile(join(path, 'pin'), `${PIN}\n`, { mode: 0o600 })
  await output('certutil', ['-N', '-d', `sql:${folder}`, '-f', join(path, 'pin')])
  const initArgs = `configdir='sql:${folder}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=`
  const label = 'NSS Certificate DB'
  const flags = [...flagsOf(SOFTOKN, label), '--hsm-init-args', initArgs]
  return { module: SOFTOKN, label, initArgs, env: {}, folder, flags }
}

/** The modules that every test of the suite runs on. */
export const TOKENS: readonly (readonly [name: string, make: () => Promise<TestToken>])[] = [
  ['SoftHSM', () => softHsm()],
  ['NSS softokn', nssToken],
]

function flagsOf(module: string, label: string): readonly string[] {
  return ['--hsm-module', module, '--hsm-token-label', label]
}

/** What pkcs11-tool sees of a SoftHSM token, logged in. */
export function pkcs11Tool({ module, label, env }: TestToken, words: readonly string[], pin = PIN): Promise<string> {
  return output('pkcs11-tool', ['--module', module, '--token-label', label, '--login', '--pin', pin, ...words], { env })
}

/** A HOME in which fpki finds the token, and its PIN in the environment. */
export async function homeWith(token: TestToken, pin: string | null = PIN): Promise<Home> {
  const { path } = await newHome()
  const secrets = pin === null ? {} : { FPKI_HSM_PIN: pin }
  return homeAt(path, { env: { ...token.env, ...secrets } })
}

/** The token as the library is told of it. The module reads its configuration from this process's environment. */
export function choiceOf(token: TestToken): HsmChoice {
  for (const [name, value] of Object.entries(token.env)) {
    process.env[name] = value
    onTestFinished(() => {
      delete process.env[name]
    })
  }
  return {
    module: token.module,
    initArgs: token.initArgs,
    token: { label: token.label, serial: null, model: null, manufacturer: null, slotId: null },
    key: { label: 'root-ca', id: null },
  }
}
