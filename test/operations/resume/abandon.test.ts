import { beforeAll, describe, expect, it } from 'vitest'
import { FpkiError } from '../../../src/errors.js'
import { type AbandonWorkResult, abandonWork, abandonWorkResult } from '../../../src/operations/resume/abandon.js'
import { durableFiles } from '../../../src/storage/files.js'
import {
  allPem,
  CHANGES,
  diskWithPki,
  expectKept,
  isFinished,
  journalOn,
  knownOn,
  liveFiles,
  pendingOn,
} from '../../support/change-scene.js'
import {
  certificatesInApi,
  createOn,
  DIRECTORY,
  type Disturbance,
  expectLogged,
  machineOn,
  treasures,
} from '../../support/create-scene.js'
import { pointsOf, stopAt } from '../../support/disturb.js'
import { foldJournal, journalPath } from '../../support/journal.js'
import { type MemoryDisk, memoryDisk } from '../../support/memory-disk.js'
import { pointsToTry } from '../../support/points.js'

function abandonOn(disk: MemoryDisk, disturbance: Disturbance = {}): Promise<AbandonWorkResult> {
  const machine = machineOn(disk, disturbance)
  return abandonWork(
    { directory: DIRECTORY },
    { ...machine, api: async () => machine.api, confirm: async () => undefined },
  )
}

/** Abandons; null when that is refused, since the API has taken the work. */
async function abandonedOn(disk: MemoryDisk): Promise<AbandonWorkResult | null> {
  return abandonOn(disk).catch((error: unknown) => {
    if (error instanceof FpkiError && error.code === 'ERR_UNFINISHED') return null
    throw error
  })
}

/** Runs something up to each point that is tried; the disk is as its crash leaves it. Resolves to how many there were. */
async function atEachPoint(
  test: string,
  run: (disk: MemoryDisk, disturbance?: Disturbance) => Promise<unknown>,
  fresh: () => MemoryDisk,
  then: (disk: MemoryDisk, point: string) => Promise<void>,
): Promise<string> {
  const points = await pointsOf((disturbance) => run(fresh(), disturbance))
  const tried = pointsToTry(points, test)
  for (const at of tried) {
    const disk = fresh()
    await run(disk, stopAt(at).disturbance).catch(() => undefined)
    disk.losePower()
    await then(disk, `point ${at}`)
  }
  return `${tried.length} of ${points.length}`
}

/** The point right before a change is uploaded: all of it is made, and nobody has seen it. */
async function beforeUpload(command: string, disk: MemoryDisk): Promise<number> {
  const points = await pointsOf(async (disturbance) => CHANGES[command]?.(disk.copy(), disturbance))
  const read = points.lastIndexOf('getCertificates', points.indexOf('updateCertificates'))
  expect(read).toBeGreaterThan(0)
  return read + 1
}

let original: MemoryDisk

beforeAll(async () => {
  original = await diskWithPki()
})

describe.each(['ca rotate-tls', 'ca add-device-ca', 'ca revoke-device-ca'])('ca abandon of a %s', (command) => {
  const run = CHANGES[command]
  if (run === undefined) throw new Error(command)

  it('leaves PKI and API unchanged and loses no key, or is refused because the API has accepted the change', async () => {
    const outcomes = new Set<string>()
    const tried = await atEachPoint(
      `abandon ${command}`,
      run,
      () => original.copy(),
      async (disk, point) => {
        const before = allPem(disk)
        const isOpen = foldJournal(journalOn(disk)).finishedAt === null
        const abandoned = await abandonedOn(disk)
        expectKept(before, disk, point)
        if (abandoned === null) {
          outcomes.add('refused')
          expect(knownOn(disk), point).not.toBe(knownOn(original))
          await run(disk)
        } else if (isOpen) {
          outcomes.add('abandoned')
          expect(abandonWorkResult.parse(abandoned), point).toMatchObject({ command })
          expect({ api: knownOn(disk), live: liveFiles(disk) }, point).toEqual({
            api: knownOn(original),
            live: liveFiles(original),
          })
          expect(pendingOn(disk), point).toEqual([])
          for (const name of abandoned.files)
            expect([...disk.contents().keys()], point).toContain(`${abandoned.folder}/${name}`)
          expect(disk.contents().get(`${DIRECTORY}/.fpki/log.jsonl`)?.text, point).toContain(
            'Discarded the interrupted',
          )
          await run(disk)
        } else if (!isFinished(disk, command)) await run(disk)
        expect(knownOn(disk), point).not.toBe(knownOn(original))
        expectLogged(disk)
      },
    )
    expect([...outcomes].sort()).toEqual(['abandoned', 'refused'])
    console.log(`points at which a ${command} was abandoned: ${tried}`)
  })
})

it('an abandoned create leaves the directory free for another one, and loses no key', async () => {
  const tried = await atEachPoint('abandon ca create', createOn, memoryDisk, async (disk, point) => {
    if (!disk.contents().has(journalPath(DIRECTORY))) return
    const before = new Set(treasures(disk).values())
    const abandoned = await abandonedOn(disk)
    expect(new Set(treasures(disk).values()), point).toEqual(new Set([...before]))
    if (abandoned === null) expect(certificatesInApi(disk), point).not.toEqual([])
    if (abandoned?.command === 'ca create') {
      expect(certificatesInApi(disk), point).toEqual([])
      expect(
        [...disk.contents().keys()].filter((path) => /^\/home\/maker\/acme\/[^.]/.test(path)),
        point,
      ).toEqual([])
    }
    if (foldJournal(journalOn(disk)).command === 'ca create' && abandoned?.command === null) return
    await createOn(disk)
    for (const text of before) expect([...treasures(disk).values()], point).toContain(text)
    expectLogged(disk)
  })
  console.log(`points at which a ca create was abandoned: ${tried}`)
})

it('commands abandoned within one second each have their own folder', async () => {
  const disk = original.copy()
  const clock = { clock: () => new Date('2026-12-01T00:00:00Z') }
  const folders: (string | null)[] = []
  for (const command of ['ca add-device-ca', 'ca add-device-ca', 'ca rotate-tls', 'ca add-device-ca']) {
    const at = await beforeUpload(command, disk)
    await CHANGES[command]?.(disk, { ...stopAt(at).disturbance, ...clock }).catch(() => undefined)
    disk.losePower()
    folders.push((await abandonOn(disk, clock)).folder)
  }
  const there = [...disk.contents().keys()]
  const base = `${DIRECTORY}/.fpki/abandoned/20261201T000000Z-ca`
  const ends = ['add-device-ca', 'add-device-ca-2', 'rotate-tls', 'add-device-ca-3']
  expect(folders).toEqual(ends.map((end) => `${base}-${end}`))
  for (const folder of folders) expect(there).toContain(`${folder}/journal.jsonl`)
  for (const folder of folders.filter((one) => one?.includes('add-'))) expect(there).toContain(`${folder}/site-b.key`)
})

it('an interrupted abandon is resumed, and ends like an uninterrupted one', async () => {
  const rotate = CHANGES['ca rotate-tls']
  const open = original.copy()
  await rotate?.(open, stopAt(await beforeUpload('ca rotate-tls', open)).disturbance).catch(() => undefined)
  open.losePower()
  const points = await pointsOf((disturbance) => abandonOn(open.copy(), disturbance))
  const tried = pointsToTry(points, 'ca abandon')
  for (const at of tried) {
    const disk = open.copy()
    await abandonOn(disk, stopAt(at).disturbance).catch(() => undefined)
    disk.losePower()
    const again = await abandonOn(disk)
    expect([null, 'ca rotate-tls'], `point ${at}`).toContain(again.command)
    expect({ live: liveFiles(disk), pending: pendingOn(disk) }, `point ${at}`).toEqual({
      live: liveFiles(original),
      pending: [],
    })
    expectKept(allPem(open), disk, `point ${at}`)
    expect(foldJournal(journalOn(disk))).toMatchObject({ command: 'ca abandon', finishedAt: expect.any(String) })
  }
  console.log(`crash points tried (ca abandon): ${tried.length} of ${points.length}`)
})

it('an abandon whose journal was changed to move files elsewhere moves nothing', async () => {
  const disk = original.copy()
  await CHANGES['ca rotate-tls']?.(disk, stopAt(await beforeUpload('ca rotate-tls', disk)).disturbance).catch(
    () => undefined,
  )
  disk.losePower()
  // Cut off after its plan, before anything has moved.
  const points = await pointsOf((disturbance) => abandonOn(disk.copy(), disturbance))
  await abandonOn(disk, stopAt(points.indexOf('link')).disturbance).catch(() => undefined)
  disk.losePower()
  expect(journalOn(disk)).toContain('ca abandon')
  const changed = journalOn(disk).replace(/"folder":"[^"]+"/, '"folder":"../../../../.."')
  await durableFiles(disk.mount()).replace(journalPath(DIRECTORY), changed, 0o600)
  const before = disk.contents()
  await expect(abandonOn(disk)).rejects.toMatchObject({
    code: 'ERR_BAD_FILE',
    message: expect.stringContaining('"options.folder" is invalid'),
  })
  expect(disk.contents()).toEqual(before)
})
