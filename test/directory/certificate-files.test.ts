import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { certificateFiles, readableCertificates } from '../../src/directory/certificate-files.js'
import { pkiDirectory } from '../../src/directory/pki-directory.js'
import { durableFiles } from '../../src/storage/files.js'
import { nodeFileSystem } from '../../src/storage/node-file-system.js'
import { copiedPki } from '../cli/made.js'
import { output } from '../support/cli.js'

/** A PKI, in which one file may not be readable. */
async function scene(unreadable: string | null = null) {
  const pki = await copiedPki()
  const fs = nodeFileSystem()
  const files = durableFiles({
    ...fs,
    read: async (path, maxBytes) => {
      if (basename(path) === unreadable) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      return fs.read(path, maxBytes)
    },
  })
  return { ...pki, pki: pkiDirectory(files, pki.directory) }
}

const CERTIFICATES = ['factory_ca.pem', 'local-ca.pem', 'online-crt', 'tls-crt']

test('are the certificates of a directory, and nothing else with such a name', async () => {
  const { pki, path } = await scene()
  await writeFile(path('text.pem'), 'text')
  await writeFile(path('large.pem'), 'x'.repeat(100_000))
  await writeFile(path('broken.pem'), '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n')
  await mkdir(path('folder.pem'))
  await symlink('nowhere', path('dangling.pem'))
  await output('mkfifo', [path('pipe.pem')])
  expect((await certificateFiles(pki)).map(({ name }) => name)).toEqual(['broken.pem', ...CERTIFICATES])
  const readable = await readableCertificates(pki)
  expect(readable.map(({ file }) => file)).toEqual(CERTIFICATES)
  const selected = await readableCertificates(pki, (name) => name.startsWith('local'))
  expect(selected.map(({ file }) => file)).toEqual(['local-ca.pem'])
  for (const { file, certificate } of readable) {
    const der = await output('openssl', ['x509', '-in', path(file), '-outform', 'PEM'])
    expect(der).toContain(Buffer.from(certificate.der).toString('base64').slice(0, 64))
  }
})

test.each(['local-ca.pem', 'tls-crt'])('a disk error at %s is reported, not taken for a missing file', async (name) => {
  const { pki, path } = await scene(name)
  for (const read of [certificateFiles, readableCertificates])
    await expect(read(pki)).rejects.toMatchObject({ code: 'ERR_STORAGE', message: expect.stringContaining(path(name)) })
  expect(await readFile(path(name), 'utf8')).toContain('BEGIN CERTIFICATE')
  const others = await certificateFiles(pki, (other) => other !== name)
  expect(others.map((file) => file.name)).toEqual(CERTIFICATES.filter((other) => other !== name))
})
