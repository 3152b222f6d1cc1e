import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { embeddedPortsOn, thisMachine } from '../../src/machine/index.js'
import { readServerKeyPair } from '../../src/server/tls-identity.js'
import { newServerIdentity } from './registration/tls.js'

const DAY = 24 * 3600 * 1000

test('a server certificate that is not valid now is a warning, which names it and when', async () => {
  const { certPath, keyPath, cert } = await newServerIdentity()
  const { validFrom, validTo } = new X509Certificate(cert)
  const read = async (at: number) => {
    const warnings: string[] = []
    const progress = { step: () => {}, note: () => {}, warn: (text: string) => void warnings.push(text) }
    const { files, keys } = embeddedPortsOn(thisMachine(), new AbortController().signal)
    const ports = { files, keys, progress, clock: () => new Date(at) }
    const identity = await readServerKeyPair({ certificate: certPath, key: keyPath }, ports)
    expect(identity.certificate).toBe(cert)
    return warnings
  }
  const second = (text: string) => new Date(text).toISOString().replace('.000Z', 'Z')
  const hint = 'so clients refuse it: check the clock, or pass another certificate (--tls-cert).'
  expect(await read(Date.parse(validFrom))).toEqual([])
  expect(await read(Date.parse(validFrom) - DAY)).toEqual([
    `${certPath} is not valid before ${second(validFrom)}, ${hint}`,
  ])
  expect(await read(Date.parse(validTo) + DAY)).toEqual([`${certPath} has expired (${second(validTo)}), ${hint}`])
})
