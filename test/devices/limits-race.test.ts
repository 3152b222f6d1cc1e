import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { orders } from '../../src/devices/commit.js'
import type { Entry } from '../../src/devices/decide.js'
import { type LookUpAll, lookUps } from '../../src/devices/look-up.js'
import { connectPostgres, POSTGRES } from '../../src/devices/postgres.js'
import type { NewCertificate } from '../../src/devices/register.js'
import { transactionsOf } from '../../src/devices/transactions.js'
import { postgresScene } from './postgres-scene.js'
import { commitOf, NOON, newCertificate, UNLIMITED } from './register-scene.js'

const LINE = 'site-a'

test.each([
  ['quota', { quota: 2, uses: null, code: 'quota' }],
  ['token', { quota: null, uses: 2, code: 'credential' }],
])(
  'a device that another process registers meanwhile has its certificate, also when that uses up the %s',
  async (_, { quota, uses, code }) => {
    const { open, place, run } = await postgresScene()
    const other = await open()
    const { db, close } = await connectPostgres(place, 'write')
    await other.lines.create(LINE, { ...UNLIMITED, quota }, NOON)
    const id = randomBytes(8).toString('hex')
    const token = { id, hash: randomBytes(32), line: LINE, uses, uuid: null, createdAt: NOON, expiresAt: null }
    await other.credentials.createToken(token, null)
    const proof = { credential: { kind: 'token', id }, listed: null } as const
    const register = (certificate: NewCertificate) => other.commit(commitOf([certificate], { line: LINE }))
    await register(newCertificate({ proof }))
    const [mine, next] = [newCertificate({ proof }), newCertificate({ proof })]
    const theirs = newCertificate({ uuid: mine.uuid, keyHash: mine.keyHash, proof })

    const lookUpNow = lookUps(db)
    let isFirst = true
    // The other process commits right after this one has not found the device.
    const lookUpAll: LookUpAll = async (on, requests) => {
      const found = await lookUpNow(on, requests)
      if (isFirst) expect(await register(theirs)).toEqual([{ kind: 'committed' }])
      isFirst = false
      return found
    }
    const ids = await run(`select lines.id as line, cas.id as ca from lines, cas where lines.name = '${LINE}'`)
    const line = { id: Number(ids.rows[0].line), name: LINE }
    const ca = Number(ids.rows[0].ca)
    const entries = [mine, next].map(
      (certificate): Entry => ({ certificate, issuedAt: NOON, state: 'active', endedAt: null, ca }),
    )
    const record = orders(db, POSTGRES, transactionsOf(db, POSTGRES), lookUpAll)
    const outcomes = await record({ line, entries, by: 'this', at: NOON, announce: false })
    expect(outcomes).toMatchObject([
      { kind: 'existing', certificate: { serial: theirs.serial } },
      { kind: 'refused', refusal: { code } },
    ])
    expect(isFirst).toBe(false)
    await Promise.all([close(), other.close()])
  },
)
