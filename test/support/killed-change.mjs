// A command on the real disk in a process that kills itself (SIGKILL) at a write of the journal.
// Arguments: command, PKI directory, state directory, which write of the journal, "before" or "after"; for a root key in a
// token FPKI_TEST_HSM has the module, the label of the token and the PIN as JSON.
import {
  addDeviceCa,
  certifyServer,
  changeDeviceCas,
  createPki,
  durableFiles,
  embeddedFactoryOn,
  importRoot,
  nodeFileSystem,
  thisMachine,
} from '../../dist/index.js'

const [command, directory, stateDirectory, nth, when] = process.argv.slice(2)
let writes = 0

const disk = nodeFileSystem()
const files = durableFiles({
  ...disk,
  rename: async (from, to) => {
    const isLast = to.endsWith('/journal.json') && ++writes === Number(nth)
    if (isLast && when === 'before') process.kill(process.pid, 'SIGKILL')
    await disk.rename(from, to)
    if (isLast) process.kill(process.pid, 'SIGKILL')
  },
})
const hsm = process.env.FPKI_TEST_HSM === undefined ? null : JSON.parse(process.env.FPKI_TEST_HSM)
const tokens = { label: hsm?.label ?? null, serial: null, model: null, manufacturer: null, slotId: null }
const proof = { keypad: false, allowFinalPinTry: false, pin: async () => hsm?.pin }
const choice = { module: hsm?.module, initArgs: '', token: tokens, key: { label: 'root-ca', id: null }, ...proof }
const silent = { step: () => undefined, note: () => undefined, warn: () => undefined }
const access = { choice: null, complete: (place) => ({ ...place, ...proof }), ...silent }
const machine = { ...thisMachine(), files, progress: silent, signal: new AbortController().signal, access }
const api = embeddedFactoryOn(machine, { stateDirectory, factory: 'acme' }, machine.signal)
const ports = { ...machine, api, confirm: async () => undefined }
const where = { directory, factory: 'acme' }
const both = { onlineCa: true, localCa: true }
const cas = { caFiles: ['local-ca'], caSerials: [], dryRun: false }
const COMMANDS = {
  create: () => createPki({ ...where, ...both, tlsNames: [], ...(hsm === null ? {} : { hsm: choice }) }, ports),
  'rotate-tls': () => certifyServer('tls', { ...where, tlsNames: [] }, ports),
  'add-device-ca': () => addDeviceCa({ ...where, ...both, localCaFilename: 'site-b.pem' }, ports),
  'revoke-device-ca': () => changeDeviceCas({ ...where, ...cas, action: 'revoke' }, ports),
  'import-root': () => importRoot({ directory, hsm: choice, removeKey: true, api: api.name }, ports),
}
await COMMANDS[command]()
