import { isIP } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { serverNames, toServerName, urlHosts } from '../../src/pki/server-name.js'

test.each([
  ['Gateway.Example', 'gateway.example'],
  ['bücher.example', 'xn--bcher-kva.example'],
  ['*.example', '*.example'],
  ['192.0.2.1', '192.0.2.1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ['::', '::'],
])('the server name %s is %s', (text, name) => {
  expect(toServerName(text)).toBe(name)
})

test.each([
  '',
  '256.0.0.1',
  '1.2.3',
  '01.2.3.4',
  '1.2.3.4.',
  'fe80::1%1',
  '[::1]',
  ':::',
  '1:2',
  '::1]@a.example',
  'a b',
  '0x7f.1',
])('%j is not a server name', (text) => {
  expect(toServerName(text)).toBeNull()
})

test('every address that Node accepts is one, and the same in a URL', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const name = toServerName(text) ?? ''
      expect(isIP(name)).toBe(isIP(text))
      const [host = ''] = urlHosts(serverNames([name]))
      expect(new URL(`https://${host}:8443`).hostname).toBe(
        new URL(`https://${isIP(text) === 6 ? `[${text}]` : text}`).hostname,
      )
    }),
  )
})

test('DNS names precede IP addresses, each in their original order', () => {
  const names = serverNames(['192.0.2.2', 'b.example', '2001:db8::1', 'a.example', '192.0.2.1'])
  expect(urlHosts(names)).toEqual(['b.example', 'a.example', '192.0.2.2', '[2001:db8::1]', '192.0.2.1'])
  expect(names.map(({ type }) => type)).toEqual(['DNS', 'DNS', 'IP', 'IP', 'IP'])
})
