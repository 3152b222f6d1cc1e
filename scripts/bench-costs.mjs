// Part of npm run bench: how often each command waits for the disk (fsync and fdatasync) and for the Factory API. Both are
// counted, not timed: a slow disk or network multiplies them.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  addDeviceCa,
  authorizeEst,
  changeDeviceCas,
  createPki,
  durableFiles,
  embeddedFactoryOn,
  nodeFileSystem,
  rotateTls,
  thisMachine,
} from '../dist/index.js'

/** A file system that calls `onSync` for each file and directory that is synced. */
export function countingSyncs(fs, onSync) {
  const counted = (open) => async (path, mode) => {
    const file = await open(path, mode)
    return {
      ...file,
      sync: () => {
        onSync(path)
        return file.sync()
      },
    }
  }
  return {
    ...fs,
    createFile: counted(fs.createFile),
    openToAppend: counted(fs.openToAppend),
    syncDirectory: (path) => {
      onSync(path)
      return fs.syncDirectory(path)
    },
  }
}

/** An API that calls `onCall` with the name of each method that is called. */
function countingCalls(api, onCall) {
  return new Proxy(api, {
    get: (target, name) => {
      if (typeof target[name] !== 'function') return target[name]
      return (...words) => {
        onCall(name)
        return target[name](...words)
      }
    },
  })
}

/** Prints what each command costs; `home` is a folder for it. */
export async function benchCosts(home) {
  const [directory, stateDirectory] = [join(home, 'costs'), join(home, 'costs-state')]
  const [syncs, calls] = [[], []]
  const machine = { ...thisMachine(), files: durableFiles(countingSyncs(nodeFileSystem(), (path) => syncs.push(path))) }
  const { signal } = new AbortController()
  const embedded = embeddedFactoryOn(machine, { stateDirectory, factory: 'costs' }, signal)
  const progress = { step: () => undefined, note: () => undefined, warn: () => undefined }
  const api = countingCalls(embedded, (name) => calls.push(name))
  const ports = { ...machine, api, signal, progress, confirm: async () => undefined }
  const where = { directory, factory: 'costs' }
  const change = (action) => () =>
    changeDeviceCas({ ...where, action, caFiles: ['local-ca'], caSerials: [], dryRun: false }, ports)
  const commands = {
    'ca create': () => createPki({ ...where, onlineCa: true, localCa: true, tlsNames: [] }, ports),
    'ca rotate-tls': () => rotateTls({ ...where, tlsNames: [] }, ports),
    'est authorize': () => authorizeEst({ ...where, tlsNames: [] }, ports),
    'ca add-device-ca': () =>
      addDeviceCa({ ...where, onlineCa: true, localCa: true, localCaFilename: 'site-b.pem' }, ports),
    'ca disable-device-ca': change('disable'),
    'ca enable-device-ca': change('enable'),
    'ca revoke-device-ca': change('revoke'),
  }
  console.log('\nwaits for the disk (of these for the embedded Factory API), and calls of the Factory API')
  for (const [name, run] of Object.entries(commands)) {
    syncs.length = 0
    calls.length = 0
    await run()
    const ofApi = syncs.filter((path) => path.startsWith(stateDirectory)).length
    console.log(
      `${name.padEnd(24)}${String(syncs.length).padStart(4)} (${ofApi})  ${calls.length}: ${calls.join(', ')}`,
    )
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const home = mkdtempSync(join(tmpdir(), 'fpki-bench-'))
  await benchCosts(home)
  rmSync(home, { recursive: true })
}
