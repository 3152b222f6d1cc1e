import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { recordDevices, uuidNumber } from '../../support/device-register.js'
import { copiedPki } from '../made.js'

test('what cannot be served by OCSP is refused, with a reason, before anything is signed', async () => {
  const { home, directory } = await copiedPki()
  const serve = (...words: readonly string[]) => home.fpki(['devices', 'serve', directory, ...words])
  const refusals: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /There is nothing to serve\./],
    [['--register', '127.0.0.1:0', '--ocsp-validity', '1h'], /--ocsp-validity is about OCSP, which is not served\./],
    [['--ocsp', 'nowhere'], /Invalid address to listen on: "nowhere"\. \[ERR_USAGE\][\s\S]*\(--ocsp\)/],
    [['--ocsp', '127.0.0.1:0'], /There is no device register at .* \[ERR_NOT_INITIALIZED\]/],
  ]
  for (const [words, reason] of refusals) {
    const { status, stdout, stderr } = await serve(...words)
    expect({ words, status: status !== 0, stdout }).toEqual({ words, status: true, stdout: '' })
    expect(stderr).toMatch(reason)
  }
  await recordDevices(directory, [{ uuid: uuidNumber(1) }])
  const short = await serve('--ocsp', '127.0.0.1:0', '--ocsp-validity', '10s')
  expect(short.stderr).toMatch(/at least one minute and at most ten days\. \[ERR_USAGE\][\s\S]*\(--ocsp-validity\)/)
})

test('ocsp-export writes nothing but answers, and says what they say', async () => {
  const { home, directory } = await copiedPki()
  const out = join(home.path, 'answers')
  const run = (...words: readonly string[]) => home.fpki(['devices', 'ocsp-export', directory, '--out', out, ...words])
  expect((await run()).stderr).toMatch(/There is no device register/)
  await recordDevices(directory, [{ uuid: uuidNumber(1) }, { uuid: uuidNumber(2) }])
  expect((await run('--ca', 'site-b')).stderr).toMatch(/site-b\.pem does not exist/)
  expect((await run('--validity', '11d')).stderr).toMatch(/at most ten days\. \[ERR_USAGE\][\s\S]*\(--validity\)/)
  const inside = await home.fpki(['devices', 'ocsp-export', directory, '--out', directory])
  expect(inside).toMatchObject({ status: 2, stderr: expect.stringContaining('Refusing to write OCSP answers to') })
  const { status, stderr } = await run()
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringMatching(/^note: Wrote 2 answers \(2 good, 0 revoked\) to .*answers, valid until \S+Z\.\n$/),
  })
  expect(await readdir(out)).toEqual([expect.stringMatching(/^M[\w+=]+$/), expect.stringMatching(/^M[\w+=]+$/)])
})
