import { openAuditLog } from '../../audit-log/audit-log.js'
import { KEEP } from '../../audit-log/traces.js'
import { CREATE } from '../../directory/commands.js'
import { PKI_FILES, type PkiFile } from '../../directory/names.js'
import type { KeyRef } from '../../directory/records.js'
import type { FactoryApi } from '../../factory/api.js'
import { makeCertificate, rootOf, signCsr, type Workplace } from '../../issuance/issue.js'
import { keepStep } from '../../journal/keep-records.js'
import { type Facts, fact, runSteps, type Step } from '../../journal/run-steps.js'
import { makeKey, requireMadeKey } from '../../keystore/key-store.js'
import { DEVICE_CA, ROOT_CA, TLS_SERVER } from '../../pki/profiles.js'
import { commonNameAndUnit } from '../../signer/x509/name.js'
import { type CreatePkiResult, describeCreatedPki, filesFor } from './created-pki.js'
import { takeRootCertificate, takeRootKey } from './existing-root.js'
import { rootSignerFrom } from './keys.js'
import type { CreatePkiOptions } from './options.js'
import { type CreatePlan, planCreate } from './plan.js'
import { type CreatePkiPorts, newCreate, refuseCreate } from './preconditions.js'
import { beforeTheRoot, uploadPki } from './upload-pki.js'

export { type CreatePkiResult, createPkiResult } from './created-pki.js'
export { type CreatePkiOptions, checkedTlsNames } from './options.js'
export type { CreatePkiPorts } from './preconditions.js'

interface Work extends Workplace, CreatePlan {
  readonly api: FactoryApi
}

/** What decides whether a step is for a PKI. */
type OnlyFor = 'onlineCa' | 'localCa' | 'newRoot' | 'existingRoot'

/** The whole of `ca create`: local work first, then the Factory API. */
const STEPS: readonly (Step<Work> & { readonly onlyFor?: OnlyFor })[] = [
  { name: 'state', says: 'Remembering which factory this is', run: rememberFactory },
  { name: 'root-key', says: 'Making the root key', run: makeRootKey, onlyFor: 'newRoot' },
  { name: 'root-certificate', says: 'Signing the root certificate', run: makeRootCertificate, onlyFor: 'newRoot' },
  { name: 'root-key', says: 'Taking over the root key', run: takeRootKey, onlyFor: 'existingRoot' },
  { name: 'root-certificate', says: 'Taking over its certificate', run: takeRootCertificate, onlyFor: 'existingRoot' },
  { name: 'user', says: 'Asking the Factory API whose local-ca this is', run: askUser, onlyFor: 'localCa' },
  { name: 'local-ca-key', says: 'Making the key of local-ca', run: makeLocalCaKey, onlyFor: 'localCa' },
  { name: 'local-ca-certificate', says: 'Signing local-ca', run: makeLocalCa, onlyFor: 'localCa' },
  { name: 'csrs', says: 'Asking the Factory API for its requests', run: askCsrs },
  { name: 'tls-certificate', says: 'Signing tls-crt', run: signTls },
  { name: 'online-ca-certificate', says: 'Signing online-ca', run: signOnlineCa, onlyFor: 'onlineCa' },
  { name: 'upload', says: 'Telling the Factory API, and reading back what it knows', run: upload },
]

/**
 * Creates a Factory PKI, or resumes an interrupted create (contract.md 2 to 4 and 6).
 *
 * @throws FpkiError ERR_EXISTS, ERR_UNFINISHED, ERR_FACTORY_IS_SET, ERR_LOCKED, ERR_NOT_A_DIRECTORY, ERR_PERMISSIONS,
 *   ERR_PASSPHRASE, and what is wrong with an existing root, before anything is made; ERR_STORAGE, ERR_API,
 *   ERR_BAD_CSR, ERR_PROFILE, ERR_SIGNATURE and the signal's reason on the way, after which the same call resumes.
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
  const { directory, options, existingRoot, keys } = plan
  const lock = await directory.lock()
  const named = { factory: options.factory, api: ports.api.name, directory: directory.path }
  try {
    const steps = stepsFor(plan)
    const found = await refuseCreate(directory, options, ports)
    const journal = found ?? (await newCreate(directory, options, [...steps, KEEP], ports))
    const warnings: string[] = []
    const warn = (text: string) => {
      warnings.push(text)
      ports.progress.warn(text)
    }
    if (found !== null) ports.progress.note(`Going on with the \`ca create\` that began at ${found.startedAt}.`)
    for (const warning of existingRoot?.warnings ?? []) warn(warning)
    const place = { made: directory, factory: options.factory, rootSigner: rootSignerFrom(keys) }
    const auditLog = openAuditLog(directory, CREATE, ports)
    const work = { ...ports, ...plan, ...place, auditLog, warn }
    await runSteps([...steps, keepStep(journal)], work, journal, { ...ports, directory })
    const { root: rootKey, localCa: localCaKey } = keys
    const made = await describeCreatedPki(directory, filesOf(work))
    return { ...made, ...named, rootKey, localCaKey, resumed: found !== null, warnings, backup: null }
  } finally {
    await lock.release()
  }
}

function filesOf({ options, keys }: CreatePlan): readonly PkiFile[] {
  return filesFor({ onlineCa: options.onlineCa, rootKey: keys.root.kind, localCaKey: keys.localCa?.kind ?? null })
}

function stepsFor({ options: { onlineCa, localCa }, existingRoot }: CreatePlan): readonly Step<Work>[] {
  const isExisting = existingRoot !== null
  const wanted = { onlineCa, localCa: localCa.kind !== 'none', newRoot: !isExisting, existingRoot: isExisting }
  return STEPS.filter(({ onlyFor }) => onlyFor === undefined || wanted[onlyFor])
}

async function rememberFactory({ directory, options, api, keys }: Work): Promise<undefined> {
  const { root, localCa } = keys
  await directory.writeState({
    version: 1,
    factory: options.factory,
    api: api.name,
    rootKey: root,
    ...(localCa?.kind === 'pkcs11' ? { localCaKey: localCa } : {}),
  })
}

async function makeRootKey({ keys }: Work, _: Facts, interrupted: boolean): Promise<Facts> {
  return { rootKey: await makeKey(keys.store, keys.root, keys.newRoot, interrupted) }
}

async function makeLocalCaKey({ keys }: Work, _: Facts, interrupted: boolean): Promise<Facts> {
  return { localCaKey: await makeKey(keys.store, requireLocalCa(keys), keys.newLocalCa, interrupted) }
}

/** The steps of local-ca are for a PKI that has one. */
function requireLocalCa({ localCa }: CreatePlan['keys']): KeyRef {
  if (localCa === null) throw new Error('this PKI has no local-ca')
  return localCa
}

async function makeRootCertificate(work: Work, facts: Facts, interrupted: boolean): Promise<undefined> {
  const spki = await requireMadeKey(work.keys.store, work.keys.root, fact(facts, 'rootKey'))
  const subject = await commonNameAndUnit('Factory-CA', work.options.factory)
  await makeCertificate(work, interrupted, {
    file: PKI_FILES.rootCertificate,
    profile: ROOT_CA,
    subject,
    spki,
    issuer: null,
    names: [],
  })
}

async function askUser({ api }: Work): Promise<Facts> {
  const { polisId } = await api.getUser()
  return { userId: polisId }
}

async function makeLocalCa(work: Work, facts: Facts, interrupted: boolean): Promise<undefined> {
  await makeCertificate(work, interrupted, {
    file: PKI_FILES.localCaCertificate,
    profile: DEVICE_CA,
    subject: await commonNameAndUnit(`fio-${fact(facts, 'userId')}`, work.options.factory),
    spki: await requireMadeKey(work.keys.store, requireLocalCa(work.keys), fact(facts, 'localCaKey')),
    issuer: await rootOf(work),
    names: [],
  })
}

async function askCsrs({ api, options }: Work): Promise<Facts> {
  const kinds = options.onlineCa ? (['tls', 'ca'] as const) : (['tls'] as const)
  const answer = api.requestCsrs({ firstTimeInit: true, kinds })
  const { tls = '', ca = '' } = await beforeTheRoot(api, options.factory, answer)
  return { tlsCsr: tls, caCsr: ca }
}

async function signTls(work: Work, facts: Facts, interrupted: boolean): Promise<undefined> {
  await signCsr(
    work,
    { file: PKI_FILES.tlsCertificate, profile: TLS_SERVER, what: 'tls-csr', csr: fact(facts, 'tlsCsr') },
    interrupted,
  )
}

async function signOnlineCa(work: Work, facts: Facts, interrupted: boolean): Promise<undefined> {
  await signCsr(
    work,
    { file: PKI_FILES.onlineCaCertificate, profile: DEVICE_CA, what: 'ca-csr', csr: fact(facts, 'caCsr') },
    interrupted,
  )
}

async function upload(work: Work): Promise<undefined> {
  await uploadPki(work, filesOf(work))
}
