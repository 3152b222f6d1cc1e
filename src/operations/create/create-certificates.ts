import type { CREATE } from '../../directory/commands.js'
import type { FactsOf } from '../../directory/journal-record.js'
import { PKI_FILES, type PkiFile } from '../../directory/names.js'
import { unwrittenFiles } from '../../directory/unwritten-files.js'
import { FpkiError } from '../../errors.js'
import type { FactoryApi } from '../../factory/api.js'
import { requireMadeKey } from '../../keystore/key-store.js'
import { DEVICE_CA, ROOT_CA, TLS_SERVER } from '../../pki/profiles.js'
import { commonNameAndUnit } from '../../signer/x509/name.js'
import { makeCertificate, rootOf, signCsr } from '../signing/certificate-files.js'
import type { IssuanceContext } from '../signing/issuance-context.js'
import { filesFor } from './created-pki.js'
import type { CreatePlan } from './plan.js'
import { takeRootCertificate } from './take-existing-root.js'

/** What issuing the certificates of a new PKI needs. */
export interface CreateWork extends IssuanceContext, CreatePlan {
  readonly api: FactoryApi
}

type Facts = FactsOf<typeof CREATE>

/** The files that the new PKI has. */
export function filesOf({ options, keys }: Pick<CreatePlan, 'options' | 'keys'>): readonly PkiFile[] {
  return filesFor({ onlineCa: options.onlineCa, rootKey: keys.root.kind, localCaKey: keys.localCa?.kind ?? null })
}

/**
 * Signs all certificates, logs them, and only then writes them. When one is refused, those before it are logged and written all
 * the same: they were signed.
 */
export async function makeCertificates(
  work: CreateWork,
  facts: Pick<Facts, 'keys' | 'requests'>,
  interrupted: boolean,
): Promise<void> {
  if (!interrupted) await refuseExisting(work)
  const files = unwrittenFiles(work.directory)
  const unwritten = { ...work, directory: files.directory, target: files.directory }
  const signed = work.auditLog.together(async () =>
    signAll(unwritten, facts, interrupted).then(
      () => null,
      (error: unknown) => ({ error }),
    ),
  )
  const failure = await signed
  await files.write()
  if (failure !== null) throw failure.error
}

async function signAll(
  work: CreateWork,
  { keys, requests }: Pick<Facts, 'keys' | 'requests'>,
  interrupted: boolean,
): Promise<void> {
  const { factory, existingRoot } = work
  const { store, localCa } = work.keys
  if (existingRoot !== null) await takeRootCertificate({ ...work, existingRoot })
  else await makeRootCertificate(work, keys.rootKey, interrupted)
  const { localCaKey } = keys
  const { userId, tlsCsr, caCsr } = requests
  if (localCa !== null && localCaKey !== null && userId !== null) {
    await makeCertificate(work, interrupted, {
      file: PKI_FILES.localCaCertificate,
      profile: DEVICE_CA,
      subject: await commonNameAndUnit(`fio-${userId}`, factory),
      spki: await requireMadeKey(store, localCa, localCaKey),
      issuer: await rootOf(work),
      names: [],
    })
  }
  const tls = { file: PKI_FILES.tlsCertificate, profile: TLS_SERVER, what: 'tls-csr', csr: tlsCsr }
  await signCsr(work, tls, interrupted)
  if (caCsr === null) return
  const onlineCa = { file: PKI_FILES.onlineCaCertificate, profile: DEVICE_CA, what: 'ca-csr', csr: caCsr }
  await signCsr(work, onlineCa, interrupted)
}

async function makeRootCertificate(work: CreateWork, rootKey: string, interrupted: boolean): Promise<void> {
  await makeCertificate(work, interrupted, {
    file: PKI_FILES.rootCertificate,
    profile: ROOT_CA,
    subject: await commonNameAndUnit('Factory-CA', work.factory),
    spki: await requireMadeKey(work.keys.store, work.keys.root, rootKey),
    issuer: null,
    names: [],
  })
}

/** Refuses files from before the step. Only the certificate of an existing root may already exist: see takeRootCertificate. */
async function refuseExisting({ directory, existingRoot, ...work }: CreateWork): Promise<void> {
  const files = filesOf(work).filter((file) => !file.endsWith('.key'))
  const wanted = files.filter((file) => existingRoot === null || file !== PKI_FILES.rootCertificate)
  const existing = (await directory.contents()).find((file) => wanted.includes(file))
  if (existing === undefined) return
  const hint = 'fpki never overwrites files. Move it away, then run the same command again.'
  throw new FpkiError('ERR_EXISTS', `${directory.path}/${existing} already exists.`, hint)
}
