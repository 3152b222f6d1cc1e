import { basename, dirname, isAbsolute, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resolveSettings } from '../../src/config/resolve.js'
import {
  type Environment,
  factoryOfDirectory,
  namedFactory,
  onlyFactory,
  type SettingsFlags,
} from '../../src/config/settings.js'
import { FpkiError } from '../../src/errors.js'
import { durableFiles } from '../../src/storage/files.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'

const HOME = '/home/me'
const LETTERS = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-']
const rightName = fc
  .string({ unit: fc.constantFrom(...LETTERS), minLength: 1, maxLength: 64 })
  .filter((name) => name !== '.' && name !== '..' && !name.startsWith('--'))
const wrongName = fc
  .string({ unit: 'binary', maxLength: 80 })
  .filter((name) => [...name].some((letter) => !LETTERS.includes(letter)))

/** The ERR_USAGE that `work` must throw. */
function usageErrorOf(work: () => unknown): FpkiError {
  try {
    work()
  } catch (error) {
    if (error instanceof FpkiError && error.code === 'ERR_USAGE') return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const NO_FILES = { ...durableFiles(nodeFileSystem()), read: async () => null }

/** Where flags, environment and HOME put the state of the embedded factories. */
async function stateDirectory(flags: SettingsFlags, env: Environment, home = HOME): Promise<string> {
  return (await resolveSettings(flags, { env, home }, NO_FILES)).stateDirectory().value
}

describe('the state directory', () => {
  test.each([
    ['/flag', { FPKI_STATE_DIR: '/state' }, { stateDir: '/flag' }],
    ['/state', { FPKI_STATE_DIR: '/state', XDG_DATA_HOME: '/data' }, {}],
    ['/data/fpki', { XDG_DATA_HOME: '/data' }, {}],
    ['/data/fpki', { FPKI_STATE_DIR: '', XDG_DATA_HOME: '/data' }, {}],
    ['/home/me/.local/share/fpki', {}, {}],
    ['/home/me/.local/share/fpki', { XDG_DATA_HOME: '' }, {}],
    ['/home/me/.local/share/fpki', { XDG_DATA_HOME: 'relative' }, {}],
  ])('is %s with %j and %j', async (expected, env, flags) => {
    expect(await stateDirectory(flags, env)).toBe(expected)
  })

  test.each(['state', './state', '../state', '~/state'])('must be absolute: FPKI_STATE_DIR=%s', async (path) => {
    const message = expect.stringContaining(path)
    await expect(stateDirectory({}, { FPKI_STATE_DIR: path })).rejects.toMatchObject({ code: 'ERR_USAGE', message })
  })

  test.each(['', '.', 'home'])('is never below the working directory: HOME=%j', async (home) => {
    const message = expect.stringContaining('HOME')
    await expect(stateDirectory({}, {}, home)).rejects.toMatchObject({ code: 'ERR_USAGE', message })
    expect(await stateDirectory({}, { FPKI_STATE_DIR: '/state' }, home)).toBe('/state')
  })

  test('is absolute or refused for any environment', async () => {
    const maybe = fc.option(fc.string(), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(maybe, maybe, fc.string(), async (state, data, home) => {
        const directory = await stateDirectory({}, { FPKI_STATE_DIR: state, XDG_DATA_HOME: data }, home).catch(
          (error) => void expect(error).toMatchObject({ code: 'ERR_USAGE' }),
        )
        if (directory !== undefined) expect(isAbsolute(directory)).toBe(true)
      }),
    )
  })
})

describe('namedFactory', () => {
  const both = { FPKI_FACTORY: 'fpki', FIOCTL_FACTORY: 'fioctl' }
  test.each([
    ['flag', { factory: 'flag' }, both],
    ['fpki', {}, both],
    ['fioctl', {}, { FIOCTL_FACTORY: 'fioctl' }],
    ['fioctl', {}, { FPKI_FACTORY: '', FIOCTL_FACTORY: 'fioctl' }],
    [null, {}, {}],
    [null, {}, { FPKI_FACTORY: '', FIOCTL_FACTORY: '' }],
  ])('is %s for %j and %j', (expected, flags, env) => {
    expect(namedFactory(flags, env)).toBe(expected)
  })

  test('accepts every name of 1 to 64 letters, digits, dots, dashes and underscores, within its folder', () => {
    fc.assert(
      fc.property(rightName, (factory) => {
        expect(namedFactory({ factory }, {})).toBe(factory)
        expect(dirname(join('/state/factories', factory))).toBe('/state/factories')
      }),
    )
  })

  test('refuses every other name, with its source', () => {
    fc.assert(
      fc.property(wrongName, (name) => {
        expect(usageErrorOf(() => namedFactory({ factory: name }, {})).message).toContain('--factory')
        if (name === '') return
        const env = { FIOCTL_FACTORY: name }
        expect(usageErrorOf(() => namedFactory({}, env)).message).toContain('FIOCTL_FACTORY')
      }),
    )
  })

  test.each(['', '.', '..', 'x'.repeat(65), 'acme\n', '\nacme', 'a/../b', 'a\u0000'])('refuses %j', (factory) => {
    usageErrorOf(() => namedFactory({ factory }, {}))
  })
})

describe('factoryOfDirectory', () => {
  test('is the last component of the path', () => {
    fc.assert(
      fc.property(rightName, (name) => {
        expect(factoryOfDirectory(join('/mnt', 'usb', name))).toBe(name)
        expect(factoryOfDirectory(`${join('/mnt', name)}/`)).toBe(basename(name))
      }),
    )
  })

  test.each(['/', '/home/me/my factory', `/mnt/${'x'.repeat(65)}`])(
    'refuses %s, and names the option that replaces it',
    (path) => {
      expect(usageErrorOf(() => factoryOfDirectory(path)).option).toBe('factory')
    },
  )
})

describe('onlyFactory', () => {
  test('is the only one', () => {
    expect(onlyFactory(['acme'])).toBe('acme')
  })

  test('reports a missing factory as not initialized', () => {
    expect(() => onlyFactory([])).toThrow(expect.objectContaining({ code: 'ERR_NOT_INITIALIZED' }))
  })

  test('several are listed', () => {
    const { message, hint } = usageErrorOf(() => onlyFactory(['acme', 'bolt', 'cog']))
    expect(message).toContain('there are 3: acme, bolt, cog')
    expect(hint).toContain('--factory')
  })
})
