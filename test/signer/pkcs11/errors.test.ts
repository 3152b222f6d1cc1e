import { describe, expect, test } from 'vitest'
import { EXIT } from '../../../src/cli/exit.js'
import { FpkiError } from '../../../src/errors.js'
import { explained, returnValue } from '../../../src/signer/pkcs11/errors.js'

function told(name: string): FpkiError {
  try {
    return explained('The token "acme"', () => {
      throw new Error(`${name}:1\n    at PKCS11.C_Sign (pkcs11.cpp:1)`)
    })
  } catch (error) {
    if (error instanceof FpkiError) return error
    throw error
  }
}

describe('what a module answers', () => {
  test.each([
    ['CKR_PIN_LOCKED', 'ERR_HSM_PIN', 'is locked'],
    ['CKR_PIN_EXPIRED', 'ERR_HSM_PIN', 'must be changed'],
    ['CKR_USER_PIN_NOT_INITIALIZED', 'ERR_HSM_PIN', 'no user PIN yet'],
    ['CKR_PIN_LEN_RANGE', 'ERR_HSM_PIN', 'too short or too long'],
    ['CKR_DEVICE_REMOVED', 'ERR_HSM_TOKEN', 'taken out'],
    ['CKR_DEVICE_MEMORY', 'ERR_HSM_TOKEN', 'is full'],
    ['CKR_TOKEN_WRITE_PROTECTED', 'ERR_HSM_TOKEN', 'write-protected'],
    ['CKR_CURVE_NOT_SUPPORTED', 'ERR_HSM_KEY', 'this curve'],
    ['CKR_KEY_FUNCTION_NOT_PERMITTED', 'ERR_HSM_KEY', 'may not sign'],
    ['CKR_VENDOR_DEFINED', 'ERR_HSM_TOKEN', 'says no'],
  ])('%s is told in words, with its name kept: exit 5', (name, code, words) => {
    const error = told(name)
    expect({ code: error.code, exit: EXIT[error.code] }).toEqual({ code, exit: 5 })
    expect(error.message).toContain(words)
    expect(error.message).toContain(`(${name})`)
    expect(error.hint).toMatch(/\.$/)
    expect(error.cause).toBeUndefined()
  })

  test('a defect stays one', () => {
    const defect = new TypeError('x is not a function')
    const run = () =>
      explained('The token', () => {
        throw defect
      })
    expect(run).toThrow(defect)
    expect(returnValue(new FpkiError('ERR_HSM_PIN', 'wrong (CKR_PIN_INCORRECT).', ''))).toBeNull()
  })
})
