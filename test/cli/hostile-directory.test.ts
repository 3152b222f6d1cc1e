import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { output } from '../support/cli.js'
import { cutOffIn, editJournal } from '../support/journal.js'
import { copiedPki } from './made.js'

it.each(['.fpki/pending', '.fpki'])('does not clear away what %s links to', async (folder) => {
  const made = await copiedPki()
  const docs = join(made.home.path, 'docs')
  await mkdir(join(docs, 'pending'), { recursive: true, mode: 0o700 })
  for (const name of ['thesis.txt', 'pending/backup.key']) await writeFile(join(docs, name), 'precious')
  if (folder === '.fpki') await output('mv', [made.path('.fpki'), join(made.home.path, 'moved')])
  await symlink(docs, made.path(folder))
  const ended = await made.home.fpki(['ca', 'rotate-tls', made.directory, '--factory', 'acme'])
  expect(ended.status).toBe(3)
  expect(ended.stderr).toContain('[ERR_NOT_A_DIRECTORY]')
  expect(await readdir(docs)).toEqual(['pending', 'thesis.txt'])
  expect(await readdir(join(docs, 'pending'))).toEqual(['backup.key'])
})

it('does not sign a request for the key of a further local-ca', async () => {
  const made = await copiedPki()
  const added = ['ca', 'add-device-ca', made.directory, '--factory', 'acme', '--local-ca']
  expect((await made.home.fpki([...added, '--local-ca-filename', 'site-b'])).status).toBe(0)
  await writeFile(made.path('notes.pem'), 'no certificate')
  const csr = join(made.home.path, 'gw.csr')
  const names = ['-subj', '/CN=gw.example', '-addext', 'subjectAltName=DNS:gw.example']
  await output('openssl', ['req', '-new', '-key', made.path('site-b.key'), ...names, '-out', csr])
  const ended = await made.home.fpki(['ca', 'sign', csr, '--pki-dir', made.directory])
  expect(ended.stderr).toContain('it uses the key of site-b.pem')
  expect(ended.stdout).toBe('')
})

it('reports a journal with wrong facts as broken', async () => {
  const made = await copiedPki()
  const serial = (await output('openssl', ['x509', '-in', made.path('local-ca.pem'), '-noout', '-serial']))
    .trim()
    .slice(7)
  const words = ['ca', 'disable-device-ca', made.directory, '--factory', 'acme', '--ca-serial', `0x${serial}`]
  expect((await made.home.fpki(words)).status).toBe(0)
  await editJournal(made.directory, (journal) => {
    const cut = cutOffIn(journal, 'publish')
    return { ...cut, facts: { crl: { ...(cut.facts['crl'] as object), deviceCas: '{' } } }
  })
  const ended = await made.home.fpki(words)
  expect(ended.stderr).toContain('[ERR_BAD_FILE]')
  expect(ended.stderr).toContain('"facts.crl.deviceCas" is invalid')
  expect(ended.status).toBe(6)
})
