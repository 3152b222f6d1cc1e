import { describe, expect, expectTypeOf, test } from 'vitest'
import { type Facts, newLog } from '../../src/server/log.js'
import { newMetrics } from '../../src/server/metrics.js'
import { parsePrometheus } from '../support/prometheus.js'

const clock = () => new Date('2026-01-01T00:00:00Z')

describe('the log of the server', () => {
  function logged(isQuiet: boolean, write: (log: ReturnType<typeof newLog>) => void): readonly unknown[] {
    let text = ''
    write(newLog({ write: (line) => (text += line) }, clock, isQuiet))
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
  }

  test('has one JSON object per line, with the time of its clock', () => {
    const lines = logged(false, (log) => {
      log.info({ route: '/x', note: 'a\nb' }, 'request')
      log.error({}, 'failure')
    })
    const time = '2026-01-01T00:00:00.000Z'
    expect(lines).toEqual([
      { level: 'info', time, route: '/x', note: 'a\nb', event: 'request' },
      { level: 'error', time, event: 'failure' },
    ])
  })

  test('has only warnings and errors when quiet', () => {
    const lines = logged(true, (log) => {
      log.info({}, 'request')
      log.warn({}, 'request')
    })
    expect(lines).toMatchObject([{ level: 'warn' }])
  })

  test('redacts secrets by name', () => {
    const secrets = { authorization: 'S3CRET', 'osf-token': 'S3CRET', passphrase: 'S3CRET', pin: 'S3CRET' }
    const [line] = logged(false, (log) => log.info({ ...secrets, token: 'id' }, 'request'))
    expect(JSON.stringify(line)).not.toContain('S3CRET')
    expect(line).toMatchObject({ pin: '[Redacted]', 'osf-token': '[Redacted]', token: 'id' })
  })

  test('accepts only flat members, because nested secrets are not redacted', () => {
    expectTypeOf<{ headers: { pin: string } }>().not.toExtend<Facts>()
    expectTypeOf<{ headers: readonly string[] }>().not.toExtend<Facts>()
    expectTypeOf<{ pin: string; status: number; factory: null }>().toExtend<Facts>()
  })
})

describe('the metrics of the server', () => {
  test('count requests and their duration, and escape label values', async () => {
    const metrics = newMetrics('1"\\\n2', clock())
    const ended = { method: 'GET', route: '/a', status: 200 }
    for (const seconds of [0.5, 0.25]) {
      metrics.begin()
      metrics.end({ ...ended, seconds })
    }
    metrics.begin()
    const samples = parsePrometheus(await metrics.text({ residentBytes: 4096, tokens: 3 }))
    const labels = { method: 'GET', route: '/a', status: '200' }
    expect(samples).toEqual(
      expect.arrayContaining([
        { metric: 'fpki_api_info', labels: { version: '1"\\\n2' }, value: 1 },
        { metric: 'fpki_api_start_seconds', labels: {}, value: clock().getTime() / 1000 },
        { metric: 'fpki_api_requests_total', labels, value: 2 },
        { metric: 'fpki_api_request_seconds_total', labels, value: 0.75 },
        { metric: 'fpki_api_requests_in_flight', labels: {}, value: 1 },
        { metric: 'fpki_api_tokens', labels: {}, value: 3 },
        { metric: 'process_resident_memory_bytes', labels: {}, value: 4096 },
      ]),
    )
  })

  test('of two servers in one process are separate', async () => {
    const [one, other] = [newMetrics('1', clock()), newMetrics('1', clock())]
    one.begin()
    one.end({ method: 'GET', route: '/a', status: 200, seconds: 1 })
    const samples = parsePrometheus(await other.text({ residentBytes: 1, tokens: 0 }))
    expect(samples.filter(({ metric }) => metric === 'fpki_api_requests_total')).toEqual([])
  })
})
