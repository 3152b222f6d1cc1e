import type { AbandonableJournal } from '../../directory/journal-record.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import type { FactoryApi, FactoryCertificates } from '../../factory/api.js'
import { samePem } from '../../pki/pem.js'
import { readCrl } from '../../pki/read-crl.js'
import type { Progress } from '../../ports.js'

/** What asking the Factory API needs. */
interface AskPorts {
  readonly progress: Progress
  api(): Promise<FactoryApi>
}

/**
 * Has the Factory API accepted the work of an interrupted command? It is always asked; if it does not answer and has not yet
 * received anything, it has not. Throws ERR_API if that cannot be determined.
 */
export async function apiHasAccepted(
  directory: PkiDirectory,
  open: AbandonableJournal,
  ports: AskPorts,
): Promise<boolean> {
  const upload = open.steps.find(({ name }) => name === 'upload')?.state
  // Commands such as `ca import-root` and `ca root-csr` upload nothing.
  if (upload === undefined) return false
  if (upload === 'done') return true
  try {
    const inApi = await (await ports.api()).getCertificates()
    return inApi !== null && (await isIn(inApi, directory, open))
  } catch (error) {
    if (!(error instanceof FpkiError) || upload !== 'pending') throw error
    ports.progress.warn(`Could not ask the Factory API, which has received nothing yet: ${error.message}`)
    return false
  }
}

async function isIn(inApi: FactoryCertificates, directory: PkiDirectory, open: AbandonableJournal): Promise<boolean> {
  if (open.command === 'ca create') {
    const root = await directory.read(PKI_FILES.rootCertificate)
    return root !== null && samePem(inApi.rootCrt, root)
  }
  return (await hasStaged(inApi, directory)) || hasCrl(inApi, open)
}

async function hasStaged(inApi: FactoryCertificates, directory: PkiDirectory): Promise<boolean> {
  const uploaded = [inApi.tlsCrt, inApi.estTlsCrt, inApi.caCrt].join('\n').replace(/\s/g, '')
  const texts = await Promise.all((await directory.staged()).map((name) => directory.readStaged(name)))
  return texts.some((pem) => pem?.includes('BEGIN CERTIFICATE') && uploaded.includes(pem.replace(/\s/g, '')))
}

/** An expired CRL is signed again under the same number, so the numbers are compared. */
function hasCrl({ caRevokeCrl }: FactoryCertificates, { facts }: AbandonableJournal): boolean {
  const signed = 'crl' in facts ? facts.crl : undefined
  if (signed === undefined || caRevokeCrl === null) return false
  const [sent, ours] = [readCrl(caRevokeCrl, 'ca-revoke-crl'), readCrl(signed.crl, 'the CRL')]
  return (sent.crlNumber ?? 0n) >= (ours.crlNumber ?? 0n)
}

/** What the Factory API has created for an interrupted command: a sentence each. */
export function leftInApi(journal: AbandonableJournal): readonly string[] {
  const asking = askingStep(journal)
  const isBegun = journal.steps.some(({ name, state }) => name === asking && state !== 'pending')
  if (!isBegun) return []
  return [
    'The Factory API has created new keys and CSRs. It does not use them, and the next command requests new ones.',
  ]
}

/** The step that requests CSRs from the Factory API; null: none does. */
function askingStep(journal: AbandonableJournal): string | null {
  switch (journal.command) {
    case 'ca create':
      return 'requests'
    case 'ca rotate-tls':
    case 'est authorize':
      return 'request'
    case 'ca add-device-ca':
      return journal.options.onlineCa ? 'keys' : null
    default:
      return null
  }
}
