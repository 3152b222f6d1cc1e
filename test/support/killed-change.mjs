// A command on the real disk in a process that kills itself (SIGKILL) at a write of the journal, or at a call of the API.
// Arguments: command, PKI directory, state directory, which write or call, and when: "before", "after" (a write),
// "before-call", "after-call"; for a root key in a token FPKI_TEST_HSM has the module, the label of the token and the PIN as
// JSON, and for a Factory API over HTTP FPKI_TEST_API its URL, a token and what it is trusted by.
import {
  addDeviceCa,
  changeDeviceCas,
  createPki,
  durableFiles,
  embeddedFactoryOn,
  httpFactoryOn,
  importRoot,
  nodeFileSystem,
  rotateTls,
  thisMachine,
} from '../../dist/index.js'

const [command, directory, stateDirectory, nth, when] = process.argv.slice(2)
let writes = 0
let calls = 0
const isOfCalls = when.endsWith('-call')

const disk = nodeFileSystem()
/** Does `write`, a write of the journal: it is replaced for a new command, and appended to at a step boundary. */
async function journalWrite(write) {
  const isLast = !isOfCalls && ++writes === Number(nth)
  if (isLast && when === 'before') process.kill(process.pid, 'SIGKILL')
  await write()
  if (isLast) process.kill(process.pid, 'SIGKILL')
}

const isJournal = (path) => path.endsWith('/journal.jsonl')
const files = durableFiles({
  ...disk,
  rename: (from, to) => (isJournal(to) ? journalWrite(() => disk.rename(from, to)) : disk.rename(from, to)),
  openToAppend: async (path, mode) => {
    const file = await disk.openToAppend(path, mode)
    return isJournal(path) ? { ...file, write: (content) => journalWrite(() => file.write(content)) } : file
  },
})
const hsm = process.env.FPKI_TEST_HSM === undefined ? null : JSON.parse(process.env.FPKI_TEST_HSM)
const tokens = { label: hsm?.label ?? null, serial: null, model: null, manufacturer: null, slotId: null }
const login = { keypad: false, allowFinalPinTry: false, pin: async () => hsm?.pin }
const choice = { module: hsm?.module, initArgs: '', token: tokens, key: { label: 'root-ca', id: null } }
const silent = { step: () => undefined, note: () => undefined, warn: () => undefined }
const access = { root: { kind: 'recorded', module: null }, login, ...silent }
const machine = { ...thisMachine(), files, progress: silent, signal: new AbortController().signal, access, login }
const server = process.env.FPKI_TEST_API === undefined ? null : JSON.parse(process.env.FPKI_TEST_API)
const connection = server && {
  ...{ url: server.url, cacert: server.cacert, proxy: null, noProxy: '', insecure: false, extraHeaders: {} },
  timeoutMilliseconds: 30_000,
  credentials: { kind: 'token', header: 'OSF-TOKEN', token: server.token },
}
const real =
  server === null
    ? embeddedFactoryOn({ stateDirectory, factory: 'acme' }, { ...machine, signal: machine.signal })
    : await httpFactoryOn({ connection, factory: 'acme' }, { ...machine, warn: () => undefined })
const api = new Proxy(real, {
  get: (target, name) => {
    if (typeof target[name] !== 'function') return target[name]
    return async (...words) => {
      const isLast = isOfCalls && ++calls === Number(nth)
      if (isLast && when === 'before-call') process.kill(process.pid, 'SIGKILL')
      const answer = await target[name](...words)
      if (isLast) process.kill(process.pid, 'SIGKILL')
      return answer
    }
  },
})
const ports = { ...machine, api, confirm: async () => undefined }
const where = { directory, factory: 'acme' }
const root = hsm === null ? { kind: 'new-file' } : { kind: 'new-token', hsm: choice }
const both = { onlineCa: true, localCa: true }
const cas = { caFiles: ['local-ca'], caSerials: [], dryRun: false }
const COMMANDS = {
  create: () => createPki({ ...where, onlineCa: true, localCa: { kind: 'file' }, tlsNames: [], root }, ports),
  'rotate-tls': () => rotateTls({ ...where, tlsNames: [] }, ports),
  'add-device-ca': () => addDeviceCa({ ...where, ...both, localCaFilename: 'site-b.pem' }, ports),
  'revoke-device-ca': () => changeDeviceCas({ ...where, ...cas, action: 'revoke' }, ports),
  'import-root': () => importRoot({ directory, hsm: choice, removeKey: true, api: api.name }, ports),
}
await COMMANDS[command]()
// It was not killed; so many moments there were.
process.stdout.write(`${isOfCalls ? calls : writes}\n`)
