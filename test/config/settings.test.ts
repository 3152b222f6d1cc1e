import { basename, dirname, isAbsolute, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { factoryOfDirectory, namedFactory, onlyFactory, stateDirectory } from '../../src/config/settings.js'
import { FpkiError } from '../../src/errors.js'

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

describe('stateDirectory', () => {
  test.each([
    ['/state', { FPKI_STATE_DIR: '/state', XDG_DATA_HOME: '/data' }],
    ['/data/fpki', { XDG_DATA_HOME: '/data' }],
    ['/data/fpki', { FPKI_STATE_DIR: '', XDG_DATA_HOME: '/data' }],
    ['/home/me/.local/share/fpki', {}],
    ['/home/me/.local/share/fpki', { XDG_DATA_HOME: '' }],
    ['/home/me/.local/share/fpki', { XDG_DATA_HOME: 'relative' }],
  ])('is %s with %j', (expected, env) => {
    expect(stateDirectory({}, env, HOME)).toBe(expected)
  })

  test.each(['state', './state', '../state', '~/state'])('must be absolute: FPKI_STATE_DIR=%s', (path) => {
    expect(usageErrorOf(() => stateDirectory({}, { FPKI_STATE_DIR: path }, HOME)).message).toContain(path)
  })

  test.each(['', '.', 'home'])('is never below the working directory: HOME=%j', (home) => {
    expect(usageErrorOf(() => stateDirectory({}, {}, home)).message).toContain('HOME')
    expect(stateDirectory({}, { FPKI_STATE_DIR: '/state' }, home)).toBe('/state')
  })

  test('is absolute whatever the environment holds, or it is refused', () => {
    const maybe = fc.option(fc.string(), { nil: undefined })
    fc.assert(
      fc.property(maybe, maybe, fc.string(), (state, data, home) => {
        try {
          expect(isAbsolute(stateDirectory({}, { FPKI_STATE_DIR: state, XDG_DATA_HOME: data }, home))).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_USAGE' })
        }
      }),
    )
  })
})

describe('the Factory API', () => {
  test.each([{}, { api: 'embedded' }, { api: '' }])('may be left out or called embedded: %j', (flags) => {
    expect(stateDirectory(flags, {}, HOME)).toContain(HOME)
  })

  test('is that of --api before that of FPKI_API', () => {
    expect(stateDirectory({ api: 'embedded' }, { FPKI_API: 'foundries' }, HOME)).toContain(HOME)
    usageErrorOf(() => stateDirectory({ api: 'foundries' }, { FPKI_API: 'embedded' }, HOME))
  })

  test('is refused by name when it is another one', () => {
    const other = fc.string({ minLength: 1 }).filter((name) => name !== 'embedded')
    fc.assert(
      fc.property(other, (api) => {
        expect(usageErrorOf(() => stateDirectory({ api }, {}, HOME)).message).toContain(JSON.stringify(api))
        usageErrorOf(() => stateDirectory({}, { FPKI_API: api }, HOME))
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

  test('takes every name of 1 to 64 letters, digits, dots, dashes and underscores, and stays in its folder', () => {
    fc.assert(
      fc.property(rightName, (factory) => {
        expect(namedFactory({ factory }, {})).toBe(factory)
        expect(dirname(join('/state/factories', factory))).toBe('/state/factories')
      }),
    )
  })

  test('refuses every other name, and says where it comes from', () => {
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
  test('is the last part of the path', () => {
    fc.assert(
      fc.property(rightName, (name) => {
        expect(factoryOfDirectory(join('/mnt', 'usb', name))).toBe(name)
        expect(factoryOfDirectory(`${join('/mnt', name)}/`)).toBe(basename(name))
      }),
    )
  })

  test.each(['/', '/home/me/my factory', `/mnt/${'x'.repeat(65)}`])('refuses %s and tells of --factory', (path) => {
    expect(usageErrorOf(() => factoryOfDirectory(path)).hint).toContain('--factory')
  })
})

describe('onlyFactory', () => {
  test('is the only one', () => {
    expect(onlyFactory(['acme'])).toBe('acme')
  })

  test('none is no mistake in the words', () => {
    expect(() => onlyFactory([])).toThrow(expect.objectContaining({ code: 'ERR_NOT_INITIALIZED' }))
  })

  test('several are listed', () => {
    const { message, hint } = usageErrorOf(() => onlyFactory(['acme', 'bolt', 'cog']))
    expect(message).toContain('3 factories: acme, bolt, cog')
    expect(hint).toContain('--factory')
  })
})
