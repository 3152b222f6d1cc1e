import { openAuditLog } from '../../audit-log/audit-log.js'
import { CREATE } from '../../directory/commands.js'
import type { FactsOf } from '../../directory/journal-record.js'
import { finishedRootCsr } from '../../journal/resumable.js'
import { runJournalled } from '../../journal/run-journalled.js'
import { steps } from '../../journal/steps.js'
import { makeKey } from '../../keystore/key-store.js'
import { type CreateWork, filesOf, makeCertificates } from './create-certificates.js'
import { type CreatePkiResult, describeCreatedPki } from './created-pki.js'
import { journalledOptions } from './journalled-options.js'
import { rootSignerFrom } from './keys.js'
import type { CreatePkiOptions } from './options.js'
import { type CreatePlan, planCreate } from './plan.js'
import { type CreatePkiPorts, interruptedCreate } from './preconditions.js'
import { takeRootKey } from './take-existing-root.js'
import { beforeTheRoot, uploadPki } from './upload-pki.js'

export { type CreatePkiResult, createPkiResult } from './created-pki.js'
export { type CreatePkiOptions, checkedTlsNames } from './options.js'
export type { CreatePkiPorts } from './preconditions.js'

/** What the steps work with. */
interface Work extends CreateWork {
  readonly warnings: readonly string[]
}

type Facts = FactsOf<typeof CREATE>

/** The steps of `ca create`. No certificate is on disk before all of them are signed and logged. */
const STEPS = steps<Work, typeof CREATE>()
  .step({ name: 'keys', says: 'Preparing the keys of the root and local-ca', run: makeKeys })
  .step({ name: 'requests', says: 'Requesting CSRs from the Factory API', run: askApi })
  .step({ name: 'certificates', says: 'Signing the certificates', run: makeCertificates })
  .step({ name: 'upload', says: 'Uploading the certificates to the Factory API, and reading them back', run: upload })

/**
 * Creates a Factory PKI, or resumes an interrupted create (docs/profile.md#conversation).
 *
 * @throws FpkiError ERR_EXISTS, ERR_UNFINISHED, ERR_FACTORY_IS_SET, ERR_LOCKED, ERR_NOT_A_DIRECTORY, ERR_PERMISSIONS,
 *   ERR_PASSPHRASE, and what is wrong with an existing root, before anything is created; ERR_STORAGE, ERR_API,
 *   ERR_BAD_CSR, ERR_PROFILE, ERR_SIGNATURE and the signal's reason on the way, after which the same call resumes it.
 */
export async function createPki(options: CreatePkiOptions, ports: CreatePkiPorts): Promise<CreatePkiResult> {
  const plan = await planCreate(options, ports)
  try {
    await plan.directory.make()
    return await carryOut(plan, ports)
  } finally {
    await plan.keys.store.close()
  }
}

async function carryOut(plan: CreatePlan, ports: CreatePkiPorts): Promise<CreatePkiResult> {
  const { directory, options, keys } = plan
  const { work, resumed } = await runJournalled(CREATE, journalledOptions(options, ports.api), STEPS, {
    ...ports,
    directory,
    find: () => interruptedCreate(directory, options, ports.api),
    work: async () => workFor(plan, ports),
    remember: rememberFactory,
    begin: async () => {
      const rootCsr = await finishedRootCsr(directory)
      return rootCsr === null ? {} : { rootCsr }
    },
    keep: (kept) => kept,
  })
  return {
    ...(await describeCreatedPki(directory, filesOf(work))),
    ...{ factory: options.factory, api: ports.api.name, directory: directory.path },
    ...{ rootKey: keys.root, localCaKey: keys.localCa },
    ...{ resumed, warnings: [...work.warnings], backup: null },
  }
}

function workFor(plan: CreatePlan, ports: CreatePkiPorts): Work {
  const { directory, options, existingRoot, keys } = plan
  const warnings: string[] = []
  const warn = (text: string) => {
    warnings.push(text)
    ports.progress.warn(text)
  }
  for (const warning of existingRoot?.warnings ?? []) warn(warning)
  const place = { target: directory, factory: options.factory, rootSigner: rootSignerFrom(keys) }
  return { ...ports, ...plan, ...place, auditLog: openAuditLog(directory, CREATE, ports), warn, warnings }
}

/** Before the journal begins: both become durable together. */
async function rememberFactory({ directory, options, api, keys, auditLog }: Work): Promise<void> {
  const { root, localCa } = keys
  await directory.writeState({
    version: 1,
    factory: options.factory,
    api: api.name,
    rootKey: root,
    ...(localCa?.kind === 'pkcs11' ? { localCaKey: localCa } : {}),
  })
  await auditLog.prepare()
}

async function makeKeys({ keys, existingRoot }: Work, _: unknown, interrupted: boolean): Promise<Facts['keys']> {
  const { store, root, newRoot, localCa, newLocalCa } = keys
  const rootKey = existingRoot === null ? await makeKey(store, root, newRoot, interrupted) : await takeRootKey({ keys })
  return { rootKey, localCaKey: localCa && (await makeKey(store, localCa, newLocalCa, interrupted)) }
}

async function askApi({ api, options }: Work): Promise<Facts['requests']> {
  const kinds = options.onlineCa ? (['tls', 'ca'] as const) : (['tls'] as const)
  const answer = api.requestCsrs({ firstTimeInit: true, kinds })
  const { tls = '', ca = '' } = await beforeTheRoot(api, options.factory, answer)
  const userId = options.localCa.kind !== 'none' ? (await api.getUser()).polisId : null
  return { tlsCsr: tls, caCsr: options.onlineCa ? ca : null, userId }
}

async function upload(work: Work, _: unknown, interrupted: boolean): Promise<void> {
  await uploadPki(work, filesOf(work), interrupted)
}
