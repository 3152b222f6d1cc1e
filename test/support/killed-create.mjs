// `ca create` on the real disk in a process that kills itself (SIGKILL) at a write of the journal.
// Arguments: PKI directory, state directory, which write of the journal, "before" or "after";
// then, for a root that is there already, its certificate and its key.
import { createPki, durableFiles, embeddedFactoryOn, nodeFileSystem, thisMachine } from '../../dist/index.js'

const [directory, stateDirectory, nth, when, certificateFile, keyFile] = process.argv.slice(2)
let writes = 0

const disk = nodeFileSystem()
/** Does `write`, a write of the journal: it is replaced for a new command, and appended to at a step boundary. */
async function journalWrite(write) {
  const isLast = ++writes === Number(nth)
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
const machine = { ...thisMachine(), files }
const { signal } = new AbortController()
const progress = { step: () => undefined, note: () => undefined, warn: () => undefined }
const api = embeddedFactoryOn({ stateDirectory, factory: 'acme' }, { ...machine, signal })
const root =
  certificateFile === undefined
    ? { kind: 'new-file' }
    : { kind: 'existing', certificateFile, key: { kind: 'file', path: keyFile } }
const options = { directory, factory: 'acme', onlineCa: true, root, localCa: { kind: 'file' }, tlsNames: [] }
await createPki(options, { ...machine, api, progress, signal })
// It was not killed; so many moments there were.
process.stdout.write(`${writes}\n`)
