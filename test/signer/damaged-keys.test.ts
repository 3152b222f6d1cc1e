import { describe, expect, test } from 'vitest'
import { thisMachine } from '../../src/machine/index.js'
import type { Curve } from '../../src/ports.js'
import { pemSigner } from '../../src/signer/file.js'
import { runProgram } from '../support/cli.js'
import { DAMAGES, encryptedPem, type KeyParts, partsOf, pkcs8Pem, sec1Pem } from '../support/damaged-key.js'
import { ALL_POINTS, isTurnOf } from '../support/points.js'

const PASSPHRASE = 'correct horse'
const FORMS: Readonly<Record<string, (parts: KeyParts) => string>> = {
  SEC1: sec1Pem,
  'PKCS#8': pkcs8Pem,
  'encrypted PKCS#8': (parts) => encryptedPem(parts, PASSPHRASE),
}
const CURVES: readonly Curve[] = ['P-256', 'P-384', 'P-521']
const TABLE = CURVES.flatMap((curve) => Object.keys(FORMS).map((form) => [curve, form] as const))

describe.each(TABLE)('a key on %s in %s', (curve, form) => {
  const write = FORMS[form] ?? sec1Pem
  const turn = CURVES.indexOf(curve)
  const damages = Object.entries(DAMAGES).filter((_, at) => isTurnOf(form, Object.keys(FORMS), at + turn))
  const opener = { passphrase: PASSPHRASE }

  test('opens undamaged, with and without its public key', async () => {
    const whole = partsOf(thisMachine().random.ecPrivateKey(curve).pem)
    const { spki: publicKey } = await pemSigner(write(whole), 'it', opener)
    expect((await pemSigner(write({ ...whole, point: null }), 'it', opener)).spki).toEqual(publicKey)
  })

  test.each(damages)('with %s is refused, as in OpenSSL', async (_, damage) => {
    const whole = partsOf(thisMachine().random.ecPrivateKey(curve).pem)
    const pem = write(damage(whole))
    const openssl = ['pkey', '-check', '-noout', '-passin', `pass:${PASSPHRASE}`]
    expect((await runProgram('openssl', openssl, { stdin: pem })).status).not.toBe(0)
    await expect(pemSigner(pem, 'it', opener)).rejects.toMatchObject({ code: 'ERR_BAD_KEY' })
    // Nothing of it stays in OpenSSL's queue of errors.
    expect((await pemSigner(write(whole), 'it', opener)).algorithm.curve).toBe(curve)
  })
})

/** Every bit with FPKI_TEST_ALL_POINTS; otherwise one of each octet. */
const BITS = ALL_POINTS ? 1 : 9

test('any flipped bit of the scalar is detected', async () => {
  const whole = partsOf(thisMachine().random.ecPrivateKey('P-256').pem)
  for (let bit = 0; bit < 256; bit += BITS) {
    const scalar = Buffer.from(whole.scalar)
    scalar[bit >> 3] = (scalar[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    await expect(pemSigner(sec1Pem({ ...whole, scalar }), 'it')).rejects.toMatchObject({ code: 'ERR_BAD_KEY' })
  }
})
