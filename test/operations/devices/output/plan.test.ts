import { describe, expect, test } from 'vitest'
import { planOutput } from '../../../../src/operations/devices/output/plan.js'

describe('--out and --out-format', () => {
  test.each([
    ['/a/devices', null, { target: { kind: 'folder', path: '/a/devices' }, format: 'sota' }],
    ['/a/devices/', null, { target: { kind: 'folder', path: '/a/devices' }, format: 'sota' }],
    ['/a/devices.csv', null, { target: { kind: 'file', path: '/a/devices.csv' }, format: 'csv' }],
    ['/a/devices.csv/', null, { target: { kind: 'folder', path: '/a/devices.csv' }, format: 'sota' }],
    ['/a/devices.csv', 'jsonl', { target: { kind: 'file', path: '/a/devices.csv' }, format: 'jsonl' }],
    ['/a/devices.tar', 'sota', { target: { kind: 'folder', path: '/a/devices.tar' }, format: 'sota' }],
    ['-', null, { target: { kind: 'stdout' }, format: 'jsonl' }],
    ['-', 'tar', { target: { kind: 'stdout' }, format: 'tar' }],
  ] as const)('%s, %s', (out, format, plan) => {
    expect(planOutput(out, format)).toEqual(plan)
  })

  test.each([
    ['-', 'sota'],
    ['/a', 'zip'],
  ])('refuses %s as %s', (out, format) => {
    expect(() => planOutput(out, format)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }))
  })
})
