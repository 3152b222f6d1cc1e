import { describe, expect, test } from 'vitest'
import { thisMachine } from '../../../src/machine/index.js'
import { keyDigest } from '../../../src/operations/paper/parts.js'
import { combinedPassphrase, sharedPassphrase } from '../../../src/operations/paper/shares.js'
import { readSharing, type Sharing } from '../../../src/operations/paper/sharing.js'

const { random } = thisMachine()
const KEY = { der: Uint8Array.of(1, 2, 3), isEncrypted: true, publicKeyDigest: null }

async function splitPassphrase(sharing: Sharing) {
  const { passphrase, shares } = await sharedPassphrase(sharing, random)
  const numbered = shares.map((share, at) => ({ ...sharing, number: at + 1, key: keyDigest(KEY), share }))
  return { passphrase, shares: numbered }
}

/** All subsets of `all` with `size` members. */
function choices<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  if (size === 0) return [[]]
  return all.flatMap((one, at) => choices(all.slice(at + 1), size - 1).map((more) => [one, ...more]))
}

/** Multiplication in GF(256) as in FIPS 197, to combine shares independently of the library. */
function times(a: number, b: number): number {
  let product = 0
  for (let bit = 0; bit < 8; bit++) {
    if ((b >> bit) & 1) product ^= a << bit
  }
  for (let bit = 14; bit > 7; bit--) {
    if ((product >> bit) & 1) product ^= 0x11b << (bit - 8)
  }
  return product
}

function inverse(a: number): number {
  return Array.from({ length: 255 }, (_, at) => at + 1).find((b) => times(a, b) === 1) ?? 0
}

/** Lagrange interpolation at zero, as docs/ceremony.md describes it: the last octet of a share is its x. */
function byHand(shares: readonly Uint8Array[]): Buffer {
  const xs = shares.map((share) => share.at(-1) ?? 0)
  const secret = Array.from({ length: 20 }, (_, place) =>
    shares.reduce((sum, share, at) => {
      const others = xs.filter((_, other) => other !== at)
      const basis = others.reduce((product, x) => times(product, times(x, inverse(x ^ (xs[at] ?? 0)))), 1)
      return sum ^ times(basis, share[place] ?? 0)
    }, 0),
  )
  return Buffer.from(secret)
}

describe.each([
  { threshold: 2, count: 3 },
  { threshold: 3, count: 5 },
  { threshold: 2, count: 2 },
])('$threshold of $count shares', (sharing) => {
  test('recover the passphrase in every combination, also with more than needed', async () => {
    const { passphrase, shares } = await splitPassphrase(sharing)
    expect(passphrase).toMatch(/^[0-9A-HJKMNP-TV-Z]{32}$/)
    for (let size = sharing.threshold; size <= sharing.count; size++) {
      for (const some of choices(shares, size)) expect(await combinedPassphrase(some, KEY)).toBe(passphrase)
    }
  })

  test('are combined by an independent implementation of Shamir', async () => {
    const { passphrase, shares } = await splitPassphrase(sharing)
    const secret = byHand(shares.slice(-sharing.threshold).map(({ share }) => share))
    const { toCrockford } = await import('../../../src/operations/paper/crockford.js')
    expect(toCrockford(secret)).toBe(passphrase)
  })

  test('fewer are refused with the number that is needed', async () => {
    const { shares } = await splitPassphrase(sharing)
    for (const some of choices(shares, sharing.threshold - 1)) {
      await expect(combinedPassphrase(some, KEY)).rejects.toThrow(`${sharing.threshold} of the ${sharing.count} shares`)
    }
  })

  test('of another key are refused, naming them', async () => {
    const { shares } = await splitPassphrase(sharing)
    const [first, ...others] = shares
    const stranger = { ...first, key: new Uint8Array(8) } as (typeof shares)[number]
    await expect(combinedPassphrase([stranger, ...others], KEY)).rejects.toThrow(
      'Share 1 was not printed with this key',
    )
  })
})

test('each passphrase is new, and no share contains it', async () => {
  const [one, two] = [
    await splitPassphrase({ threshold: 2, count: 3 }),
    await splitPassphrase({ threshold: 2, count: 3 }),
  ]
  expect(one.passphrase).not.toBe(two.passphrase)
  const { toCrockford } = await import('../../../src/operations/paper/crockford.js')
  for (const { share } of one.shares) expect(toCrockford(share.subarray(0, 20))).not.toBe(one.passphrase)
})

test.each(['1/3', '4/3', '3', '2/21', '0/0', 'a/b', '3/5 ', '-2/3'])('--shares %s is refused', (word) => {
  expect(() => readSharing(word)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
})
