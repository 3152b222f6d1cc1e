import { describe, expect, test } from 'vitest'
import type { CsrKind } from '../../src/factory/api.js'
import { DEVICE_CA, TLS_SERVER } from '../../src/pki/profiles.js'
import { opensslCsr } from '../pki/support/openssl-csr.js'
import { FACTORY, newDeviceCa, newRoot, serialNumber, signedAgain, utf8Subject } from '../support/issue.js'
import { csrOf, expectRefused, localCaOf, newFactoryWithRoot, pemOf, signed } from './support/embedded.js'

const EXPIRED = new Date('2036-11-23T09:43:56Z')

describe.each([
  ['tls', 'tlsCrt', 'tls-crt'],
  ['estTls', 'estTlsCrt', 'est-tls-crt'],
] as const)('a certificate for %s', (kind, member, what) => {
  const otherKind: CsrKind = kind === 'tls' ? 'estTls' : 'tls'

  test('is accepted for a key of the API, and replaced by one for its next key', async () => {
    const { api, root } = await newFactoryWithRoot()
    const first = await signed(await csrOf(api, kind), kind, root)
    await api.updateCertificates({ [member]: first })
    expect((await api.getCertificates())?.[member]).toBe(first)
    const second = await signed(await csrOf(api, kind), kind, root)
    await api.updateCertificates({ [member]: second })
    expect((await api.getCertificates())?.[member]).toBe(second)
    expect(second).not.toBe(first)
  })

  test('is refused for a foreign key', async () => {
    const factory = await newFactoryWithRoot()
    await csrOf(factory.api, kind)
    const foreign = await signed(await opensslCsr(), kind, factory.root)
    await expectRefused(factory, { [member]: foreign }, 400, `${what} is not for a key of this factory`)
  })

  test('is refused for the key of another kind of server, and of the online-ca', async () => {
    const factory = await newFactoryWithRoot()
    for (const other of [otherKind, 'ca'] as const) {
      const certificate = await signed(await csrOf(factory.api, other), kind, factory.root)
      await expectRefused(factory, { [member]: certificate }, 400, 'is not for a key of this factory')
    }
  })

  test('is refused when another root with the same name signed it', async () => {
    const [factory, other] = [await newFactoryWithRoot(), await newRoot()]
    const certificate = await signed(await csrOf(factory.api, kind), kind, other)
    await expectRefused(factory, { [member]: certificate }, 400, `${what} is not signed by the root of trust`)
  })

  test('is refused when it is a CA', async () => {
    const factory = await newFactoryWithRoot()
    const profile = { ...DEVICE_CA, extensions: [...DEVICE_CA.extensions, ...TLS_SERVER.extensions.slice(1, 2)] }
    const ca = await signed(await csrOf(factory.api, kind), kind, factory.root, { profile })
    await expectRefused(factory, { [member]: ca }, 400, `${what} is a CA`)
  })

  test('is refused when it is not for servers', async () => {
    const factory = await newFactoryWithRoot()
    const profile = { ...TLS_SERVER, extensions: TLS_SERVER.extensions.filter(({ type }) => type !== 'extKeyUsage') }
    const certificate = await signed(await csrOf(factory.api, kind), kind, factory.root, { profile })
    await expectRefused(factory, { [member]: certificate }, 400, `${what} lacks the extKeyUsage serverAuth`)
  })

  test('is refused when it has expired, is not a certificate, or two', async () => {
    const factory = await newFactoryWithRoot()
    const certificate = await signed(await csrOf(factory.api, kind), kind, factory.root)
    for (const broken of ['', 'text', certificate + certificate]) {
      await expectRefused(factory, { [member]: broken }, 400, what)
    }
    factory.setClock(EXPIRED)
    await expectRefused(factory, { [member]: certificate }, 400, `${what} has expired`)
  })
})

test('certificates that an update omits do not change', async () => {
  const { api, root } = await newFactoryWithRoot()
  const tlsCrt = await signed(await csrOf(api, 'tls'), 'tls', root)
  const estTlsCrt = await signed(await csrOf(api, 'estTls'), 'estTls', root)
  const caCrt = await localCaOf(api, root)
  await api.updateCertificates({ tlsCrt })
  await api.updateCertificates({ estTlsCrt })
  await api.updateCertificates({ caCrt })
  expect(await api.getCertificates()).toMatchObject({ rootCrt: pemOf(root.certificate), tlsCrt, estTlsCrt, caCrt })
})

describe('the list of device CAs', () => {
  test('is replaced as a whole', async () => {
    const { api, root } = await newFactoryWithRoot()
    const online = await signed(await csrOf(api, 'ca'), 'ca', root)
    const [one, two] = [await localCaOf(api, root), await localCaOf(api, root)]
    await api.updateCertificates({ caCrt: `${online}\n${one}` })
    expect((await api.getCertificates())?.caCrt).toBe(`${online}\n${one}`)
    await api.updateCertificates({ caCrt: `${two}` })
    expect((await api.getCertificates())?.caCrt).toBe(two)
    await api.updateCertificates({ caCrt: `${one}\n${two}\n${online}` })
    expect((await api.getCertificates())?.caCrt).toBe(`${one}\n${two}\n${online}`)
  })

  test('is null again when replaced by an empty one', async () => {
    const { api, root } = await newFactoryWithRoot()
    await api.updateCertificates({ caCrt: await localCaOf(api, root) })
    await api.updateCertificates({ caCrt: '\n' })
    expect((await api.getCertificates())?.caCrt).toBeNull()
  })

  test('accepts online-ca by its key, whatever its common name', async () => {
    const { api, root } = await newFactoryWithRoot()
    const subject = utf8Subject('anything', FACTORY)
    const caCrt = await signed(await csrOf(api, 'ca'), 'ca', root, { subject })
    await api.updateCertificates({ caCrt })
    expect((await api.getCertificates())?.caCrt).toBe(caCrt)
  })

  test('refuses one that is neither for the key of the factory nor named after its user', async () => {
    const factory = await newFactoryWithRoot()
    const { polisId } = await factory.api.getUser()
    await csrOf(factory.api, 'ca')
    for (const name of ['online-ca', `fio-${'0'.repeat(24)}`, polisId, `fio-${polisId}x`, `FIO-${polisId}`]) {
      const { certificate } = await newDeviceCa(factory.root, { subject: utf8Subject(name, FACTORY) })
      const reason = `neither for a key of this factory nor named fio-${polisId}`
      await expectRefused(factory, { caCrt: pemOf(certificate) }, 400, reason)
    }
  })

  test('refuses one for the key of a server', async () => {
    const factory = await newFactoryWithRoot()
    const caCrt = await signed(await csrOf(factory.api, 'tls'), 'ca', factory.root)
    await expectRefused(factory, { caCrt }, 400, 'neither for a key of this factory')
  })

  test.each(['other', FACTORY.toUpperCase(), ''])(
    "refuses one with OU=%s, though its name is the user's",
    async (unit) => {
      const factory = await newFactoryWithRoot()
      const { polisId } = await factory.api.getUser()
      const { certificate } = await newDeviceCa(factory.root)
      const subject = Buffer.from(utf8Subject(`fio-${polisId}`, unit).der)
      const caCrt = pemOf(await signedAgain(certificate, { subject }, factory.root))
      await expectRefused(factory, { caCrt }, 400, `the subject of ca-crt lacks OU=${FACTORY}`)
    },
  )

  test('refuses one that is not a CA, and one signed by another root', async () => {
    const [factory, other] = [await newFactoryWithRoot(), await newRoot()]
    const server = await signed(await csrOf(factory.api, 'ca'), 'tls', factory.root)
    await expectRefused(factory, { caCrt: server }, 400, 'ca-crt is not a CA')
    await expectRefused(factory, { caCrt: await localCaOf(factory.api, other) }, 400, 'not signed by the root of trust')
  })

  test('refuses the root itself', async () => {
    const factory = await newFactoryWithRoot()
    await expectRefused(
      factory,
      { caCrt: pemOf(factory.root.certificate) },
      400,
      'has the same subject as the root of trust',
    )
  })

  test('is refused as a whole when one certificate is refused', async () => {
    const [factory, other] = [await newFactoryWithRoot(), await newRoot()]
    const good = await localCaOf(factory.api, factory.root)
    const bad = await localCaOf(factory.api, other)
    await expectRefused(factory, { caCrt: `${good}\n${bad}` }, 400, 'not signed by the root of trust')
    await expectRefused(factory, { caCrt: `${bad}\n${good}` }, 400, 'not signed by the root of trust')
    await expectRefused(factory, { caCrt: `${good}\n${good.slice(0, 100)}` }, 400, 'ca-crt')
    expect((await factory.api.getCertificates())?.caCrt).toBeNull()
  })

  test('refuses two with the same serial number, which a CRL could not distinguish', async () => {
    const factory = await newFactoryWithRoot()
    const serial = { serialNumber: serialNumber() }
    const [one, two] = [
      await localCaOf(factory.api, factory.root, serial),
      await localCaOf(factory.api, factory.root, serial),
    ]
    await expectRefused(
      factory,
      { caCrt: `${one}\n${two}` },
      400,
      'two certificates of ca-crt have the same serial number',
    )
  })

  test('refuses one that has expired', async () => {
    const factory = await newFactoryWithRoot()
    const caCrt = await localCaOf(factory.api, factory.root)
    factory.setClock(EXPIRED)
    await expectRefused(factory, { caCrt }, 400, 'ca-crt has expired')
  })

  test('may be empty', async () => {
    const { api, root } = await newFactoryWithRoot()
    await api.updateCertificates({ caCrt: await localCaOf(api, root) })
    await api.updateCertificates({ caCrt: '' })
    expect((await api.getCertificates())?.caCrt || null).toBeNull()
  })
})
