import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { answerRequest } from '../../src/factory/answer.js'
import { readPemCertificates } from '../../src/pki/read-certificate.js'
import { type Exchange, FIOCTL_PKIS, FIOCTL_USER, transcript, withCsrs } from '../support/transcript.js'
import { type Embedded, newFactory } from './support/embedded.js'

/** Changes the factory's state file. */
async function edit({ folder }: Embedded, change: (state: Record<string, unknown>) => unknown): Promise<void> {
  const path = join(folder, 'factory.json')
  await writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, 'utf8')))))
}

/** The requests that the factory will give out are those that fioctl was given: their certificates are recorded. */
async function seed(embedded: Embedded, { response }: Exchange): Promise<readonly string[]> {
  let names: readonly string[] = []
  await edit(embedded, (state) => {
    const csrs = withCsrs(state['csrs'] as Parameters<typeof withCsrs>[0], response)
    names = csrs.at(-1)?.names ?? []
    const server = csrs.findLast(({ kind }) => kind !== 'ca')
    if (csrs.at(-1)?.kind === 'ca' && 'tls-csr' in response) names = server?.names ?? []
    return { ...state, csrs }
  })
  await keepKeys(embedded)
  return names
}

/** A request is given out again only when its key is there; nobody has those of fioctl's server, and nothing opens them. */
async function keepKeys({ folder }: Embedded): Promise<void> {
  const { csrs }: { csrs: { kind: string; generation: number }[] } = JSON.parse(
    await readFile(join(folder, 'factory.json'), 'utf8'),
  )
  for (const { kind, generation } of csrs)
    await writeFile(join(folder, 'keys', `${kind}-${generation}.key`), '', { mode: 0o600 })
}

/** An answer in which nothing is left that two servers may write in two ways. */
function plain(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body
  const { 'ca-crt': cas, 'change-meta': meta, ...others } = body as Record<string, unknown>
  const ders = typeof cas === 'string' ? readPemCertificates(cas, 'ca-crt').map(({ der }) => der) : cas
  const times = Object.entries((meta ?? {}) as Record<string, string>).map(([name, value]) => [
    name,
    name.endsWith('-at') ? 'a time' : value,
  ])
  return { ...others, name: 'a name', 'ca-crt': ders, 'change-meta': Object.fromEntries(times) }
}

/** fioctl's server said when each change was made; the embedded one uses its clock. */
const TIME = /"updated-at": ?"([^"]+)"/

describe.each(FIOCTL_PKIS)('the conversation recorded with fioctl (root key: %s)', (pki) => {
  test('has the recorded statuses and responses with the embedded factory', async () => {
    const embedded = await newFactory()
    await embedded.api.getUser()
    await edit(embedded, (state) => ({ ...state, userId: FIOCTL_USER }))
    const exchanges = transcript(pki)
    expect(exchanges).toHaveLength(25)
    for (const [index, exchange] of exchanges.entries()) {
      const { method, path, request, status, response } = exchange
      const [, time] = TIME.exec(JSON.stringify(exchanges.slice(index))) ?? []
      if (time !== undefined) embedded.setClock(new Date(time))
      const tlsNames = method === 'POST' && status === 201 ? await seed(embedded, exchange) : []
      const answer = await answerRequest({ method, path, body: request ?? undefined }, () =>
        embedded.again({ tlsNames }),
      )
      expect({ index, status: answer.status, body: plain(answer.body) }).toEqual({
        index,
        status,
        body: plain(response),
      })
    }
  })
})
