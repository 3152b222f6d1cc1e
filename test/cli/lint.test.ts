import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { lintFilesResult } from '../../src/operations/audit/lint-files.js'
import { newHome, temporaryDirectory } from '../support/cli.js'
import { copiedPki } from './made.js'
import { expectWords } from './refusal.js'

const FIXTURES = fileURLToPath(new URL('../fixtures/lint', import.meta.url))
const TLS_CA = join(FIXTURES, 'tls-ca.pem')

describe('fpki lint', () => {
  test('finds nothing in the output of `ca create`, not even notices', async () => {
    const { home, directory } = await copiedPki()
    const ended = await home.fpki(['lint', '--strict', directory])
    const said = '0 errors, 0 warnings, 0 notices in 4 certificates, requests and CRLs\n'
    expect(ended).toEqual({ status: 0, signal: null, stdout: said, stderr: '' })
  })

  test('prints each finding on a line with place, severity, code, reason and source', async () => {
    const { status, stdout, stderr } = await (await newHome()).fpki(['lint', 'tls-ca.pem'], { cwd: FIXTURES })
    expect({ status, stderr }).toEqual({ status: 6, stderr: '' })
    const [line, summary] = stdout.split('\n')
    expect(line).toBe(
      'tls-ca.pem: error ca-on-tls it is CA:TRUE, so the server could issue certificates (docs/profile.md#basic-constraints; RFC 5280 4.2.1.9)',
    )
    expect(summary).toBe('1 error, 0 warnings, 0 notices in 1 certificate, request or CRL')
  })

  test('numbers the blocks of a file with several', async () => {
    const { stdout } = await (await newHome()).fpki(['lint', join(FIXTURES, 'serial-twice.pem')])
    expect(stdout).toContain('serial-twice.pem#2: error serial-twice ')
  })

  test('--json prints one document, even with findings', async () => {
    const { status, stdout } = await (await newHome()).fpki(['lint', TLS_CA, '--json'])
    const { findings, ...report } = lintFilesResult.parse(JSON.parse(stdout))
    const items = [{ file: TLS_CA, block: 1, kind: 'certificate', role: 'tls', name: 'CN=gateway.example' }]
    expect(status).toBe(6)
    const counts = { errors: 1, warnings: 0, notices: 0, passed: false }
    expect(report).toEqual({ schemaVersion: 1, factory: 'acme', items, ...counts })
    expect(findings).toMatchObject([{ file: TLS_CA, block: 1, severity: 'error', code: 'ca-on-tls' }])
  })

  test('--strict fails on warnings, --quiet omits notices', async () => {
    const home = await newHome()
    const words = ['lint', join(FIXTURES, 'tls-no-san.pem'), '--quiet']
    expect(await home.fpki(words)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^.* san-missing .*\n$/) })
    expect(await home.fpki([...words, '--strict'])).toMatchObject({ status: 6 })
    expect(await home.fpki(['lint', join(FIXTURES, 'ca-sha512.pem'), '-q'])).toMatchObject({ status: 0, stdout: '' })
  })

  test('checks stdin against the given factory', async () => {
    const stdin = await readFile(join(FIXTURES, 'ca-other-factory.pem'), 'utf8')
    const home = await newHome()
    const nobody = await home.fpki(['lint', '-'], { stdin })
    expect(nobody).toMatchObject({ status: 0, stderr: expect.stringContaining('Pass --factory NAME.') })
    const named = await home.fpki(['lint', '-', '-f', 'acme'], { stdin })
    expect(named).toMatchObject({ status: 6, stderr: '' })
    expect(named.stdout).toContain('stdin: error unit-of-another-factory ')
  })

  test('escapes control characters in names', async () => {
    const directory = await temporaryDirectory()
    const path = join(directory, 'a\u001b[2Jb.pem')
    await writeFile(path, '-----BEGIN CERT\u001b[2J-----\nAAAA\n-----END CERT\u001b[2J-----\n')
    const { stdout } = await (await newHome()).fpki(['lint', path])
    expect(stdout).toContain('\\u001b[2Jb.pem: warning pem-label ')
    expect(stdout).not.toContain('\u001b')
  })

  test.each([
    [['lint'], 2, 'ERR_USAGE', 'file'],
    [['lint', 'nothing-there'], 6, 'ERR_BAD_FILE', 'nothing-there'],
    [['lint', TLS_CA, '--profile', 'server'], 2, 'ERR_USAGE', 'server'],
    [['lint', TLS_CA, '--factory', '../x'], 2, 'ERR_USAGE', '../x'],
  ])('refuses %j', async (words, status, code, name) => {
    expectWords(await (await newHome()).fpki(words), { status, code, names: [name] })
  })
})
