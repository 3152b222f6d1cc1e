import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { registrationScene } from '../../operations/registration/scene.js'
import { deviceCsr } from '../../support/device-requests.js'
import { realService } from './real-scene.js'

test('neither right nor wrong tokens nor requests are in the log, the metrics, the warnings and the answers', async () => {
  const scene = await registrationScene()
  const token = await scene.token()
  const [prefix, id, secret = ''] = [...token.split('_').slice(0, 2), token.split('_').slice(2).join('_')]
  expect(secret).toHaveLength(43)
  const notAfter = new Date(new X509Certificate(await scene.text('local-ca.pem')).validTo)
  const service = await realService(scene, new Date(notAfter.getTime() - 1))
  const wrong = ['A', 'B', 'C'].map((letter) => letter.repeat(43))
  const [ofKnown, ofUnknown, short] = [
    `${prefix}_${id}_${wrong[0]}`,
    `${prefix}_${'0'.repeat(16)}_${wrong[1]}`,
    `${prefix}_${wrong[2]}`,
  ]
  const device = deviceCsr()
  const answers = []
  for (const one of [token, ofKnown, ofUnknown, short, '']) answers.push(await service.register(one, device))
  expect(answers.map(({ status }) => status)).toEqual([201, 401, 401, 401, 401])
  const many = await Promise.all(Array.from({ length: 30 }, () => service.register(ofKnown, device)))
  expect(many.map(({ status }) => status)).toContain(429)
  service.later(2000)
  const refused = await service.register(token, device)
  expect(refused.status).toBe(503)
  answers.push(...many, refused)
  for (const path of ['/sign', '/readyz', '/metrics'] as const) answers.push(await service.get(path))
  const all = [...answers.map(({ text }) => text), service.log(), ...scene.warnings].join('\n')
  expect(service.log()).toContain(`token:${id}`)
  const body = device.pem.split('\n')[1] ?? ''
  expect(body.length).toBeGreaterThan(40)
  for (const one of [secret, ...wrong, body]) expect(all.includes(one)).toBe(false)
})
