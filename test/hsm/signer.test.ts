import { createPublicKey, verify } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { HsmChoice, TokenLogin } from '../../src/ports.js'
import { CKA, CKF_TOKEN, CKM } from '../../src/signer/pkcs11/cryptoki.js'
import { requireKey } from '../../src/signer/pkcs11/key.js'
import { generateKey } from '../../src/signer/pkcs11/make-key.js'
import { type OpenToken, openToken } from '../../src/signer/pkcs11/session.js'
import { signatureDer, tokenSigner } from '../../src/signer/pkcs11/signer.js'
import { signCrl } from '../../src/signer/x509/crl.js'
import { createCaCsr } from '../../src/signer/x509/csr.js'
import { pem } from '../pki/support/der.js'
import { output, runProgram, temporaryDirectory } from '../support/cli.js'
import { type Differences, differing } from '../support/cryptoki.js'
import { NOW, newDeviceCa, newRoot, unchecked } from '../support/issue.js'
import { choiceOf, LOGIN, PIN, softHsm, TOKENS } from '../support/token.js'

const KEY = { label: 'root-ca', id: '01' }
const MESSAGE = Buffer.from('what a certificate says')

interface Heard {
  readonly notes: string[]
  readonly warnings: string[]
}

/** Opens a token that differs, does something with it and closes it. */
async function using<T>(
  choice: HsmChoice,
  differences: Differences,
  work: (token: OpenToken) => Promise<T> | T,
  login: TokenLogin = LOGIN,
): Promise<{ result: T; calls: readonly string[] } & Heard> {
  const { make, calls } = differing(differences)
  const heard: Heard = { notes: [], warnings: [] }
  const talk = { note: (text: string) => heard.notes.push(text), warn: (text: string) => heard.warnings.push(text) }
  const token = await openToken(choice, login, talk, make)
  try {
    return { result: await work(token), calls, ...heard }
  } finally {
    token.close()
  }
}

/** A SoftHSM token with a root key in it. */
async function withRootKey(): Promise<HsmChoice> {
  const choice = choiceOf(await softHsm())
  await using(choice, {}, (token) => generateKey(token, KEY, 'P-256'))
  return choice
}

/** Signs with a token that differs, and has OpenSSL verify it. */
async function signs(
  choice: HsmChoice,
  differences: Differences,
  { certified = null, login = LOGIN }: { readonly certified?: Uint8Array | null; readonly login?: TokenLogin } = {},
) {
  const work = async (token: OpenToken) => {
    const signer = tokenSigner(token, requireKey(token, KEY), certified)
    const key = createPublicKey({ key: Buffer.from(signer.spki), format: 'der', type: 'spki' })
    return verify('sha256', MESSAGE, key, await signer.sign(unchecked(MESSAGE)))
  }
  return using(choice, differences, work, login)
}

async function publicKeyOf(choice: HsmChoice): Promise<Uint8Array> {
  const { result } = await using(choice, {}, (token) => tokenSigner(token, requireKey(token, KEY), null).spki)
  return result
}

describe.each(TOKENS)('on %s', (_, newToken) => {
  test('one session and one login serve many signatures, and everything is released', async () => {
    const choice = choiceOf(await newToken())
    const { calls } = await using(choice, {}, async (token) => {
      const signer = tokenSigner(token, generateKey(token, KEY, 'P-256'), null)
      const key = createPublicKey({ key: Buffer.from(signer.spki), format: 'der', type: 'spki' })
      for (let count = 0; count < 300; count++) {
        const message = Buffer.from(`message ${count}`)
        expect(verify('sha256', message, key, await signer.sign(unchecked(message)))).toBe(true)
      }
    })
    const count = (name: string) => calls.filter((call) => call === name).length
    expect([count('C_Initialize'), count('C_OpenSession'), count('C_Login 1'), count('C_Sign')]).toEqual([1, 1, 1, 300])
    expect(calls.slice(-3)).toEqual(['C_Logout', 'C_CloseSession', 'C_Finalize'])
  })

  test.each(['P-256', 'P-384', 'P-521'] as const)('keys on %s sign with their own hash', async (curve) => {
    await using(choiceOf(await newToken()), {}, async (token) => {
      const signer = tokenSigner(token, generateKey(token, KEY, curve), null)
      const key = createPublicKey({ key: Buffer.from(signer.spki), format: 'der', type: 'spki' })
      expect(signer.algorithm.curve).toBe(curve)
      expect(verify(signer.algorithm.hash, MESSAGE, key, await signer.sign(unchecked(MESSAGE)))).toBe(true)
    })
  })

  test.each(['P-256', 'P-384', 'P-521'] as const)(
    'a key on %s signs certificates, CRLs and requests',
    async (curve) => {
      await using(choiceOf(await newToken()), {}, async (token) => {
        const signer = tokenSigner(token, generateKey(token, KEY, curve), null)
        const root = await newRoot({}, signer)
        const { certificate } = await newDeviceCa(root)
        const crlOrder = { issuer: root.certificate, crlNumber: 1n, now: NOW, reason: 'certificateHold' } as const
        const crl = await signCrl({ ...crlOrder, serialNumbers: [certificate.serialNumber] }, signer)
        const folder = await temporaryDirectory()
        const file = (name: string) => join(folder, name)
        await writeFile(file('root.pem'), pem('CERTIFICATE', root.certificate.der))
        await writeFile(file('ca.pem'), pem('CERTIFICATE', certificate.der))
        await writeFile(file('crl.pem'), pem('X509 CRL', crl.der))
        await writeFile(file('csr.pem'), await createCaCsr(root.certificate.subject, signer))
        const words = ['-x509_strict', '-attime', String(NOW.getTime() / 1000 + 60), '-CAfile', file('root.pem')]
        expect(await output('openssl', ['verify', ...words, file('ca.pem')])).toBe(`${file('ca.pem')}: OK\n`)
        const { stderr } = await runProgram('openssl', [
          'crl',
          '-noout',
          '-in',
          file('crl.pem'),
          '-CAfile',
          file('root.pem'),
        ])
        expect(stderr).toBe('verify OK\n')
        expect((await runProgram('openssl', ['req', '-noout', '-verify', '-in', file('csr.pem')])).stderr).toContain(
          'verify OK',
        )
      })
    },
  )

  test('a token that the caller does not close is closed once', async () => {
    const { make, calls } = differing()
    const token = await openToken(
      choiceOf(await newToken()),
      LOGIN,
      { note: () => undefined, warn: () => undefined },
      make,
    )
    token.close()
    token.close()
    expect(calls.filter((call) => call === 'C_Finalize')).toHaveLength(1)
  })
})

describe('tokens that differ', () => {
  test('CKA_EC_POINT is raw, as in old modules', async () => {
    const raw = { attributes: { [CKA.ecPoint]: (value: Buffer) => value.subarray(2) } }
    expect((await signs(await withRootKey(), raw)).result).toBe(true)
  })

  test('CKA_EC_POINT is hidden: it is read from the certificate', async () => {
    const choice = await withRootKey()
    const hidden = { attributes: { [CKA.ecPoint]: () => null } }
    expect((await signs(choice, hidden, { certified: await publicKeyOf(choice) })).result).toBe(true)
    await expect(signs(choice, hidden)).rejects.toMatchObject({
      code: 'ERR_HSM_KEY',
      message: expect.stringContaining('does not reveal the public key'),
    })
  })

  test('the key of another certificate is refused', async () => {
    const other = await publicKeyOf(await withRootKey())
    await expect(signs(await withRootKey(), {}, { certified: other })).rejects.toMatchObject({ code: 'ERR_HSM_KEY' })
  })

  test('hashes only by itself: CKM_ECDSA_SHA256', async () => {
    expect((await signs(await withRootKey(), { hashes: true, mechanisms: [CKM.ecdsaSha256] })).result).toBe(true)
  })

  test('no ECDSA at all', async () => {
    await expect(signs(await withRootKey(), { mechanisms: [CKM.ecKeyPairGen] })).rejects.toMatchObject({
      code: 'ERR_HSM_KEY',
      message: expect.stringContaining('does not support CKM_ECDSA'),
    })
  })

  test('CKA_ALWAYS_AUTHENTICATE: a login for each signature', async () => {
    const always = { attributes: { [CKA.alwaysAuthenticate]: () => Buffer.of(1) } }
    const { result, calls } = await signs(await withRootKey(), always)
    expect(result).toBe(true)
    expect(calls.filter((call) => /C_(SignInit|Sign$|Login)/.test(call))).toEqual([
      ...['C_Login 1', 'C_SignInit', 'C_Login 2', 'C_Sign'],
    ])
  })

  test('a keypad: fpki neither prompts for a PIN nor sends one', async () => {
    const choice = await withRootKey()
    const login = { ...LOGIN, keypad: true, pin: () => Promise.reject(new Error('asked for a PIN')) }
    const differences = { flags: CKF_TOKEN.protectedAuthenticationPath, keypadPin: PIN }
    const { result, notes } = await signs(choice, differences, { login })
    expect(result).toBe(true)
    expect(notes.join()).toContain('keypad')
    await expect(signs(choice, {}, { login })).rejects.toMatchObject({
      code: 'ERR_HSM_PIN',
      message: expect.stringContaining('no keypad'),
    })
  })

  test('signing-only attributes are refused: the key is generated without them', async () => {
    const choice = choiceOf(await softHsm())
    const terse = { refuses: [CKA.derive, CKA.wrap] }
    await using(choice, terse, (token) => generateKey(token, KEY, 'P-256'))
    expect((await signs(choice, {})).result).toBe(true)
  })

  test('an extractable key is refused', async () => {
    const leaky = { attributes: { [CKA.extractable]: () => Buffer.of(1) } }
    await expect(
      using(choiceOf(await softHsm()), leaky, (token) => generateKey(token, KEY, 'P-256')),
    ).rejects.toMatchObject({
      code: 'ERR_HSM_KEY',
      message: expect.stringContaining('can be extracted'),
    })
  })

  test('a signature of another length is refused', async () => {
    const short = { signature: (raw: Buffer) => raw.subarray(1) }
    await expect(signs(await withRootKey(), short)).rejects.toMatchObject({ code: 'ERR_SIGNATURE' })
  })
})

describe('the flags of the PIN, before a try is used', () => {
  test.each([
    ['locked', CKF_TOKEN.pinLocked, 'is locked'],
    ['to be changed', CKF_TOKEN.pinToBeChanged, 'must be changed'],
    ['the last try', CKF_TOKEN.pinFinalTry, 'one PIN try left'],
  ])('%s', async (_, flags, says) => {
    const { make, calls } = differing({ flags })
    const opened = openToken(await withRootKey(), LOGIN, { note: () => undefined, warn: () => undefined }, make)
    await expect(opened).rejects.toMatchObject({ code: 'ERR_HSM_PIN', message: expect.stringContaining(says) })
    expect(calls).not.toContain('C_Login 1')
    expect(calls.at(-1)).toBe('C_Finalize')
  })

  test('the last try is used if that is allowed, with a warning', async () => {
    const login = { ...LOGIN, allowFinalPinTry: true }
    const { result, warnings } = await signs(await withRootKey(), { flags: CKF_TOKEN.pinFinalTry }, { login })
    expect(result).toBe(true)
    expect(warnings.join()).toContain('one PIN try left')
  })

  test('few remaining tries cause a warning', async () => {
    const { warnings } = await signs(await withRootKey(), { flags: CKF_TOKEN.pinCountLow })
    expect(warnings.join()).toContain('few PIN tries left')
  })

  test('a wrong PIN is tried once, and everything is closed', async () => {
    const { make, calls } = differing()
    const login = { ...LOGIN, pin: async () => '11112222' }
    await expect(
      openToken(await withRootKey(), login, { note: () => undefined, warn: () => undefined }, make),
    ).rejects.toMatchObject({
      code: 'ERR_HSM_PIN',
      message: expect.stringMatching(/CKR_PIN_INCORRECT.*; few tries are left/),
    })
    expect(calls.filter((call) => call === 'C_Login 1')).toHaveLength(1)
    expect(calls.at(-1)).toBe('C_Finalize')
  })
})

describe('r and s as DER', () => {
  const der = (r: string, s: string) =>
    Buffer.from(signatureDer(Buffer.from(r.padStart(64, '0') + s.padStart(64, '0'), 'hex'))).toString('hex')

  test.each([
    ['small numbers lose their leading zeros', '01', '7f', '300602010102017f'],
    ['a set high bit gets one', '80', 'ff', '3008020200800202' + '00ff'],
    ['inner zeros stay', '0100', '8000', '300902020100020300' + '8000'],
  ])('%s', (_, r, s, expected) => {
    expect(der(r, s)).toBe(expected)
  })

  test('full-length numbers', () => {
    const full = 'f'.repeat(64)
    expect(der(full, full)).toBe(`3046022100${full}022100${full}`)
  })
})
