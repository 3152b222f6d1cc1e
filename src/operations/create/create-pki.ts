import { openAuditLog } from '../../audit-log/audit-log.js'
import { CREATE } from '../../directory/commands.js'
import type { FactsOf } from '../../directory/journal-record.js'
import { type PkiDirectory, pkiDirectory } from '../../directory/pki-directory.js'
import { finishedRootCsr } from '../../journal/resumable.js'
import { runJournalled } from '../../journal/run-journalled.js'
import { steps } from '../../journal/steps.js'
import { makeKey } from '../../keystore/private-key.js'
import { type CreateWork, filesOf, makeCertificates } from './create-certificates.js'
import { type CreatedPki, whatWasMade } from './created-pki.js'
import { checkGivenRoot, readGivenRoot, takeRootKey, withRememberedToken } from './existing-root.js'
import { checkPassphrase, createKeys, rootSignerFrom } from './keys.js'
import { requireRoomBelow } from './planned-certificates.js'
import {
  type CreatePkiOptions,
  type CreatePkiPorts,
  checkBefore,
  interruptedCreate,
  journalledOptions,
} from './preconditions.js'
import { beforeTheRoot, uploadPki } from './upload-pki.js'

export { type CreatedPki, createdPki } from './created-pki.js'
export { type CreatePkiOptions, type CreatePkiPorts, checkedTlsNames } from './preconditions.js'

/** What the steps work with. */
interface Work extends CreateWork {
  readonly options: CreatePkiOptions
  readonly warnings: readonly string[]
}

type Facts = FactsOf<typeof CREATE>

/** All of `ca create`. No certificate is on the disk before all of them are signed and logged. */
const STEPS = steps<Work, typeof CREATE>()
  .step({ name: 'keys', says: 'Making the keys of the root and local-ca', run: makeKeys })
  .step({ name: 'requests', says: 'Asking the Factory API for its requests', run: askApi })
  .step({ name: 'certificates', says: 'Signing the certificates', run: makeCertificates })
  .step({ name: 'upload', says: 'Uploading them to the Factory API, and reading them back', run: upload })

/**
 * Creates a Factory PKI, or resumes an interrupted create (docs/profile.md#conversation).
 *
 * @throws FpkiError ERR_EXISTS, ERR_UNFINISHED, ERR_FACTORY_IS_SET, ERR_LOCKED, ERR_NOT_A_DIRECTORY, ERR_PERMISSIONS,
 *   ERR_PASSPHRASE, and what is wrong with an existing root, before anything is made; ERR_STORAGE, ERR_API,
 *   ERR_BAD_CSR, ERR_PROFILE, ERR_SIGNATURE and the signal's reason on the way, after which the same call resumes it.
 */
export async function createPki(asked: CreatePkiOptions, ports: CreatePkiPorts): Promise<CreatedPki> {
  const directory = pkiDirectory(ports.files.deferring(), asked.directory)
  const options = await withRememberedToken(asked, directory)
  const open = await checkBefore(directory, options, ports)
  for (const warning of await directory.warningsAbove()) ports.progress.warn(warning)
  const given = await readGivenRoot(options, ports)
  if (given !== null) await requireRoomBelow(given.certificate, options, ports)
  const keys = await createKeys(directory, options, ports, given)
  try {
    await keys.refuseTaken(open)
    if (given !== null) await checkGivenRoot(directory, given, keys.root, options.passphrases)
    await checkPassphrase(directory, keys, options)
    await directory.make()
    return await createWith({ keys, given }, directory, options, ports)
  } finally {
    await keys.close()
  }
}

async function createWith(
  { keys, given }: Pick<Work, 'keys' | 'given'>,
  directory: PkiDirectory,
  options: CreatePkiOptions,
  ports: CreatePkiPorts,
): Promise<CreatedPki> {
  const { work, resumed } = await runJournalled(CREATE, journalledOptions(options, ports.api), STEPS, {
    ...ports,
    directory,
    find: () => interruptedCreate(directory, options, ports.api),
    work: async () => workWith({ keys, given }, directory, options, ports),
    begin: async (work) => {
      await rememberFactory(work)
      const rootCsr = await finishedRootCsr(directory)
      return rootCsr === null ? {} : { rootCsr }
    },
    keep: (kept) => kept,
  })
  return {
    ...(await whatWasMade(directory, filesOf(work))),
    ...{ factory: options.factory, api: ports.api.name, directory: directory.path },
    rootKey: keys.root.reference,
    localCaKey: options.localCa ? keys.localCa.reference : null,
    ...{ resumed, warnings: [...work.warnings], backup: null },
  }
}

function workWith(
  { keys, given }: Pick<Work, 'keys' | 'given'>,
  directory: PkiDirectory,
  options: CreatePkiOptions,
  ports: CreatePkiPorts,
): Work {
  const warnings: string[] = []
  const warn = (text: string) => {
    warnings.push(text)
    ports.progress.warn(text)
  }
  for (const warning of given?.warnings ?? []) warn(warning)
  const place = { directory, made: directory, factory: options.factory, rootSigner: rootSignerFrom(keys) }
  return { ...ports, ...place, auditLog: openAuditLog(directory, CREATE, ports), options, keys, given, warn, warnings }
}

/** Before the journal begins: all of it becomes durable together. */
async function rememberFactory({ directory, options, api, keys, auditLog }: Work): Promise<void> {
  const { root, localCa } = keys
  await directory.writeState({
    version: 1,
    factory: options.factory,
    api: api.name,
    rootKey: root.reference,
    ...(localCa.reference.kind === 'file' ? {} : { localCaKey: localCa.reference }),
  })
  await auditLog.prepare()
}

async function makeKeys({ keys, given, options }: Work, _: unknown, interrupted: boolean): Promise<Facts['keys']> {
  const rootKey = given === null ? await makeKey(keys.root, interrupted) : await takeRootKey({ keys })
  return { rootKey, localCaKey: options.localCa ? await makeKey(keys.localCa, interrupted) : null }
}

async function askApi({ api, options }: Work): Promise<Facts['requests']> {
  const kinds = options.onlineCa ? (['tls', 'ca'] as const) : (['tls'] as const)
  const answer = api.requestCsrs({ firstTimeInit: true, kinds })
  const { tls = '', ca = '' } = await beforeTheRoot(api, options.factory, answer)
  const userId = options.localCa ? (await api.getUser()).polisId : null
  return { tlsCsr: tls, caCsr: options.onlineCa ? ca : null, userId }
}

async function upload(work: Work, _: unknown, interrupted: boolean): Promise<void> {
  await uploadPki(work, filesOf(work), interrupted)
}
