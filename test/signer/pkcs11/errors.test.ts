import { describe, expect, test } from 'vitest'
import { EXIT } from '../../../src/cli/exit.js'
import { FpkiError } from '../../../src/errors.js'
import { explainErrors, returnValue, type Subject } from '../../../src/signer/pkcs11/errors.js'

const MODULE: Subject = { name: '/m.so', modulePath: '/m.so', initArgs: '', token: null }
const TOKEN: Subject = { ...MODULE, name: 'The token "acme"', token: { label: 'acme', serial: '1' } }

function errorFor(name: string, subject = TOKEN): FpkiError {
  try {
    return explainErrors(subject, () => {
      throw new Error(`${name}:1\n    at PKCS11.C_Sign (pkcs11.cpp:1)`)
    })
  } catch (error) {
    if (error instanceof FpkiError) return error
    throw error
  }
}

describe('an error of a module', () => {
  test.each([
    ['CKR_PIN_LOCKED', 'ERR_HSM_PIN', 'is locked'],
    ['CKR_PIN_EXPIRED', 'ERR_HSM_PIN', 'must be changed'],
    ['CKR_USER_PIN_NOT_INITIALIZED', 'ERR_HSM_PIN', 'no user PIN is set'],
    ['CKR_PIN_LEN_RANGE', 'ERR_HSM_PIN', 'too short or too long'],
    ['CKR_DEVICE_REMOVED', 'ERR_HSM_TOKEN', 'the token was removed'],
    ['CKR_DEVICE_MEMORY', 'ERR_HSM_TOKEN', 'is full'],
    ['CKR_TOKEN_WRITE_PROTECTED', 'ERR_HSM_TOKEN', 'write-protected'],
    ['CKR_CURVE_NOT_SUPPORTED', 'ERR_HSM_KEY', 'the curve is not supported'],
    ['CKR_KEY_FUNCTION_NOT_PERMITTED', 'ERR_HSM_KEY', 'must not be used for signing'],
    ['CKR_VENDOR_DEFINED', 'ERR_HSM_TOKEN', 'the operation failed'],
  ])('%s is explainErrors, with its name', (name, code, words) => {
    const error = errorFor(name)
    expect({ code: error.code, exit: EXIT[error.code] }).toEqual({ code, exit: 5 })
    expect(error.message).toContain(words)
    expect(error.message).toContain(`(${name})`)
    expect(error.hint).toMatch(/\.$/)
    expect(error.cause).toBeUndefined()
  })

  test.each(['CKR_MECHANISM_INVALID', 'CKR_VENDOR_DEFINED'])('%s has a hint with the options of the token', (name) => {
    const odd = { ...TOKEN, modulePath: '/my modules/m.so', initArgs: 'configdir=sql:/my db' }
    const flags = "--hsm-module '/my modules/m.so' --hsm-token-label acme --hsm-token-serial 1"
    expect(errorFor(name, odd).hint).toContain(`\`fpki hsm check ${flags} --hsm-init-args 'configdir=sql:/my db'\``)
    // A module without a token has nothing to check.
    expect(errorFor(name, MODULE).hint).toBe("Look this code up in the documentation of the module's vendor.")
  })

  test('other errors are not changed', () => {
    const defect = new TypeError('x is not a function')
    const run = () =>
      explainErrors(TOKEN, () => {
        throw defect
      })
    expect(run).toThrow(defect)
    expect(returnValue(new FpkiError('ERR_HSM_PIN', 'wrong (CKR_PIN_INCORRECT).', ''))).toBeNull()
  })
})
