import { describe, expect, test } from 'vitest'
import { sotaServers } from '../../../../src/operations/devices/output/sota-servers.js'
import { serverNames } from '../../../../src/pki/server-name.js'

const NONE = { gateway: null, ostree: null }

function certificate(...names: readonly string[]) {
  return { parsedExtensions: { subjectAltName: serverNames(names) } } as never
}

describe('the servers of sota.toml', () => {
  test.each([
    [['gw.example', 'ostree.example', 'api.example'], 'https://gw.example:8443', 'https://ostree.example:8443'],
    [['gw.example'], 'https://gw.example:8443', 'https://gw.example:8443'],
    [['192.0.2.1', 'gw.example'], 'https://gw.example:8443', 'https://192.0.2.1:8443'],
    [['2001:db8::1'], 'https://[2001:db8::1]:8443', 'https://[2001:db8::1]:8443'],
  ])('are names of tls-crt: %j', (names, gateway, ostree) => {
    expect(sotaServers(certificate(...names), NONE)).toEqual({ gateway, ostree })
  })

  test.each(['https://gw.example', 'https://gw.example:443/', 'https://[::1]:8443', 'https://10.0.0.1:1'])(
    'may be named: %s',
    (url) => {
      const servers = sotaServers(null, { gateway: url, ostree: url })
      expect(servers).toEqual({ gateway: url.replace(/\/$/, ''), ostree: url.replace(/\/$/, '') })
    },
  )

  test.each([
    ...[
      'http://gw.example',
      'gw.example',
      'https://',
      'https://gw.example/path',
      'https://gw.example?x',
      'https://*.a.example',
    ],
    ...[
      'https://me:pw@gw.example',
      'https://gw.example:0',
      'https://gw.example:99999',
      'https://gw.example"\n[evil]',
      '',
    ],
    ...['https://gw.example\\@evil.example', 'https://[gw.example]', 'https://gw.example#x', ' https://gw.example'],
  ])('must be https URLs of servers: %j', (gateway) => {
    const servers = () => sotaServers(certificate('gw.example'), { gateway, ostree: null })
    expect(servers).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
  })

  test.each([[null], [certificate()], [certificate('*.gw.example')]])('must be known', (tls) => {
    expect(() => sotaServers(tls, NONE)).toThrow(expect.objectContaining({ code: 'ERR_USAGE', option: 'gateway' }))
  })
})
