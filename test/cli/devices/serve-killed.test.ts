import { chmod } from 'node:fs/promises'
import { expect, test, vi } from 'vitest'
import { temporaryDirectory } from '../../support/cli.js'
import { deviceCsr } from '../../support/device-requests.js'
import { PATIENT } from '../../support/patience.js'
import { ALL_POINTS } from '../../support/points.js'
import {
  launchPostgres,
  newDatabase,
  postgresServer,
  startPostgres,
  stopPostgres,
  type TestServer,
} from '../../support/postgres.js'
import { send } from '../../support/register-client.js'
import { clientOf, type ServedDevices } from '../../support/served-devices.js'
import { type Size, type TwoServices, twoServices } from './two-services.js'

/** With FPKI_TEST_ALL_POINTS, how many registrations PostgreSQL gets, of which one in five is a repeat. */
const REGISTRATIONS = Number(process.env['FPKI_TEST_REGISTRATIONS'] ?? 100_000)
const SMALL = { devices: 160, again: 40 }
const LARGE = { devices: REGISTRATIONS - Math.floor(REGISTRATIONS / 5), again: Math.floor(REGISTRATIONS / 5) }
const PATIENCE = 3_600_000

/** A kill in so many registrations is one every few seconds. */
const ON_SQLITE = ALL_POINTS ? { devices: 10_000, again: 2_000, kills: 40 } : { ...SMALL, kills: 2 }
const ON_POSTGRES = ALL_POINTS ? { ...LARGE, kills: Math.ceil(REGISTRATIONS / 2_000) } : { ...SMALL, kills: 2 }
const AWAY = ALL_POINTS ? { ...LARGE, times: 3 } : { ...SMALL, times: 1 }

function urlOf({ socket, port }: TestServer, database: string): string {
  return `postgres:///${database}?host=${socket}&port=${port}&user=fpki`
}

async function killedAgainAndAgain(size: Size & { readonly kills: number }, store: string | null) {
  const services = await twoServices(size, store)
  await services.registerAll(size.kills, async (time) => {
    const which = time % 2 === 0 ? 0 : 1
    await services.instances[which].stop('SIGKILL')
    services.instances[which] = await services.start()
  })
  await services.check()
}

test('two instances on one register, one of which is killed again and again', async () => {
  await killedAgainAndAgain(ON_SQLITE, null)
}, 600_000)

test(
  'two instances on one register in PostgreSQL, one of which is killed again and again',
  async () => {
    const server = await postgresServer()
    await killedAgainAndAgain(ON_POSTGRES, urlOf(server, await newDatabase(server)))
  },
  PATIENCE,
)

/** What an instance answers to a ping, and to a device that is in no list. */
async function statuses(services: TwoServices, instance: ServedDevices) {
  const ping = await send(await clientOf(instance, { token: '' }), { method: 'HEAD' })
  return { ping: ping.status, post: await services.ask(instance, deviceCsr()) }
}

test(
  'two instances answer 503 while PostgreSQL is away, and go on when it is there again',
  async () => {
    const folder = await temporaryDirectory()
    await chmod(folder, 0o711)
    const server = await startPostgres(folder, process.pid)
    const services = await twoServices(AWAY, urlOf(server, 'postgres'))
    await services.registerAll(AWAY.times, async () => {
      await stopPostgres(server.data)
      for (const instance of services.instances)
        await vi.waitFor(
          async () => expect(await statuses(services, instance)).toEqual({ ping: 503, post: 503 }),
          PATIENT,
        )
      launchPostgres(server, process.pid)
    })
    // They stay up: nobody got no answer.
    expect(services.lost()).toBe(0)
    await services.check()
    await stopPostgres(server.data)
  },
  PATIENCE,
)
