import { describe, expect, test } from 'vitest'
import { embeddedFactories } from '../../src/factory/embedded/index.js'
import { thisMachine } from '../../src/machine/index.js'
import { parseDer } from '../../src/pki/der.js'
import { readName } from '../../src/pki/name.js'
import { ROOT_CA } from '../../src/pki/profiles.js'
import { utf8Name } from '../pki/support/csr.js'
import { basicConstraints, dn, forge, keyUsage, newKey } from '../pki/support/forge.js'
import { FACTORY, newDeviceCa, newRoot, signedAgain, utf8Subject } from '../support/issue.js'
import { csrOf, expectRefused, localCaOf, newFactory, newFactoryWithRoot, pemOf, signed } from './support/embedded.js'

const LATER = new Date('2027-01-02T03:04:05Z')

function named(...attributes: readonly (readonly [string, string])[]) {
  return readName(parseDer(utf8Name(...attributes)))
}

test.each(['../acme', 'a/b', '..', '', '--json'])(
  'a factory cannot be called %j, also by a library',
  async (factory) => {
    const { again } = await newFactory()
    expect(() => again({ factory })).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
  },
)

describe('the root of trust', () => {
  test('can be set only once: another one and the same one again are refused (409)', async () => {
    const factory = await newFactoryWithRoot()
    const other = await newRoot()
    await expectRefused(factory, { rootCrt: pemOf(other.certificate) }, 409, 'can be set only once')
    await expectRefused(factory, { rootCrt: pemOf(factory.root.certificate) }, 409, 'can be set only once')
    expect((await factory.api.getCertificates())?.rootCrt).toBe(pemOf(factory.root.certificate))
  })

  test('is required before any other certificate (400)', async () => {
    const factory = await newFactory()
    const root = await newRoot()
    const tlsCrt = await signed(await csrOf(factory.api, 'tls'), 'tls', root)
    await expectRefused(factory, { tlsCrt }, 400, 'the root of trust is not set yet')
    await expectRefused(factory, { caCrt: await localCaOf(factory.api, root) }, 400, 'is not set yet')
    expect(await factory.api.getCertificates()).toBeNull()
  })

  test.each([
    ['of another factory', utf8Subject('Factory-CA', 'other')],
    ['of a factory with the same name in other letters', utf8Subject('Factory-CA', FACTORY.toUpperCase())],
    ['of no factory', named(['2.5.4.3', 'Factory-CA'])],
    ['of two factories', named(['2.5.4.11', FACTORY], ['2.5.4.11', 'other'])],
  ])('is refused when its subject is %s (400)', async (_, subject) => {
    const { certificate } = await newRoot({ subject })
    await expectRefused(await newFactory(), { rootCrt: pemOf(certificate) }, 400, `lacks OU=${FACTORY}`)
  })

  test('is refused when its OU only resembles the factory in a UniversalString (400)', async () => {
    const lookalike = Buffer.concat([...FACTORY].map((character) => Buffer.of(0, 1, 0, character.charCodeAt(0))))
    const value = Buffer.concat([Buffer.of(0x1c, lookalike.length), lookalike])
    const attribute = Buffer.concat([Buffer.of(0x30, 5 + value.length, 6, 3, 0x55, 4, 11), value])
    const rdn = Buffer.concat([Buffer.of(0x31, attribute.length), attribute])
    const subject = Buffer.concat([Buffer.of(0x30, rdn.length), rdn])
    const root = await newRoot()
    const certificate = await signedAgain(root.certificate, { subject, issuer: subject }, root)
    await expectRefused(await newFactory(), { rootCrt: pemOf(certificate) }, 400, `lacks OU=${FACTORY}`)
  })

  test('may be signed by a company CA, whose signature cannot be checked', async () => {
    const { certificate } = await newDeviceCa(await newRoot(), { profile: ROOT_CA })
    const { api } = await newFactory()
    await api.updateCertificates({ rootCrt: pemOf(certificate) })
    expect((await api.getCertificates())?.rootCrt).toBe(pemOf(certificate))
  })

  test('is refused when it is self-issued but not self-signed (400)', async () => {
    const name = dn(`CN=Factory-CA,OU=${FACTORY}`)
    const extensions = [basicConstraints(), keyUsage(0x06)]
    const certificate = forge({ subject: name, issuer: name, key: newKey(), issuerKey: newKey(), extensions })
    await expectRefused(await newFactory(), { rootCrt: pemOf(certificate) }, 400, 'its own key did not sign it')
  })

  test('is refused when its pathLen is 0 (400)', async () => {
    const { certificate } = await newDeviceCa(await newRoot())
    await expectRefused(await newFactory(), { rootCrt: pemOf(certificate) }, 400, 'cannot issue device CAs')
  })

  test('is refused when it is not a CA with keyCertSign (400)', async () => {
    const noCa = { ...ROOT_CA, extensions: ROOT_CA.extensions.filter(({ type }) => type !== 'basicConstraints') }
    const noSigner = { ...ROOT_CA, extensions: ROOT_CA.extensions.filter(({ type }) => type !== 'keyUsage') }
    for (const profile of [noCa, noSigner]) {
      const { certificate } = await newRoot({ profile })
      await expectRefused(await newFactory(), { rootCrt: pemOf(certificate) }, 400, 'root-crt is not a CA')
    }
  })

  test('is refused when it has expired (400)', async () => {
    const factory = await newFactory()
    const { certificate } = await newRoot()
    factory.setClock(new Date('2046-11-23T09:43:56Z'))
    await expectRefused(factory, { rootCrt: pemOf(certificate) }, 400, 'has expired')
    factory.setClock(new Date('2046-11-23T09:43:55Z'))
    await factory.api.updateCertificates({ rootCrt: pemOf(certificate) })
  })

  test('is refused when it is not a certificate, or two (400)', async () => {
    const pem = pemOf((await newRoot()).certificate)
    for (const rootCrt of ['', 'text', pem.slice(0, 300), `${pem}${pem}`]) {
      await expectRefused(await newFactory(), { rootCrt }, 400, 'root-crt')
    }
  })

  test('is not set when anything else of the same update is refused', async () => {
    const [factory, root, other] = [await newFactory(), await newRoot(), await newRoot()]
    const rootCrt = pemOf(root.certificate)
    const tlsCrt = await signed(await csrOf(factory.api, 'tls'), 'tls', other)
    await expectRefused(factory, { rootCrt, tlsCrt }, 400, 'tls-crt is not signed by the root of trust')
    expect(await factory.api.getCertificates()).toBeNull()
    await factory.api.updateCertificates({ rootCrt })
    expect((await factory.api.getCertificates())?.rootCrt).toBe(rootCrt)
  })
})

describe('the response of the API', () => {
  test('is null before the root is set, and everything sent afterwards', async () => {
    const [{ api }, root] = [await newFactory(), await newRoot()]
    expect(await api.getCertificates()).toBeNull()
    const { tls = '', ca = '' } = await api.requestCsrs({ firstTimeInit: true, kinds: ['tls', 'ca'] })
    expect(await api.getCertificates()).toBeNull()
    const update = {
      rootCrt: pemOf(root.certificate),
      tlsCrt: await signed(tls, 'tls', root),
      caCrt: `${await signed(ca, 'ca', root)}\n${await localCaOf(api, root)}`,
    }
    await api.updateCertificates(update)
    const { polisId } = await api.getUser()
    const at = '2026-11-23T09:43:55Z'
    expect(await api.getCertificates()).toEqual({
      ...update,
      version: expect.stringMatching(/^"[\w-]{43}"$/),
      estTlsCrt: null,
      caRevokeCrl: null,
      disabledCaSerials: [],
      changeMeta: { createdBy: polisId, createdAt: at, updatedBy: polisId, updatedAt: at },
    })
  })

  test('contains the times of creation and of the last change', async () => {
    const factory = await newFactoryWithRoot()
    const { polisId } = await factory.api.getUser()
    factory.setClock(LATER)
    await factory.api.updateCertificates({ caCrt: await localCaOf(factory.api, factory.root) })
    expect((await factory.api.getCertificates())?.changeMeta).toEqual({
      createdBy: polisId,
      createdAt: '2026-11-23T09:43:55Z',
      updatedBy: polisId,
      updatedAt: '2027-01-02T03:04:05Z',
    })
  })

  test('is not changed by a request or by a refused update', async () => {
    const factory = await newFactoryWithRoot()
    const before = await factory.api.getCertificates()
    factory.setClock(LATER)
    await factory.api.requestCsrs({ firstTimeInit: false, kinds: ['tls', 'ca', 'estTls'] })
    await expectRefused(factory, { tlsCrt: 'text' }, 400, 'tls-crt')
    expect(await factory.api.getCertificates()).toEqual(before)
  })

  test('is the same for every caller of a state directory', async () => {
    const factory = await newFactoryWithRoot()
    expect(await factory.again().getCertificates()).toEqual(await factory.api.getCertificates())
    expect(factory.again().name).toBe(factory.api.name)
    expect(factory.api.name).toContain(factory.stateDirectory)
  })
})

describe('the user', () => {
  test('has an id of 24 hex digits that stays', async () => {
    const factory = await newFactory()
    const { polisId, name } = await factory.api.getUser()
    expect(polisId).toMatch(/^[0-9a-f]{24}$/)
    expect(name).not.toBe('')
    await factory.api.requestCsrs({ firstTimeInit: true, kinds: ['tls'] })
    await factory.api.updateCertificates({ rootCrt: pemOf((await newRoot()).certificate) })
    expect((await factory.api.getUser()).polisId).toBe(polisId)
    expect((await factory.again().getUser()).polisId).toBe(polisId)
  })

  test('has another id in another factory', async () => {
    const factory = await newFactory()
    const ids = await Promise.all(
      ['acme', 'other', 'third'].map(async (name) => (await factory.again({ factory: name }).getUser()).polisId),
    )
    expect(new Set(ids).size).toBe(3)
    expect(await embeddedFactories(thisMachine().files, factory.stateDirectory)).toEqual(['acme', 'other', 'third'])
  })
})
