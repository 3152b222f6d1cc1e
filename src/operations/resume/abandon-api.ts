import type { AbandonableJournal } from '../../directory/journal-record.js'
import { PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import type { FactoryApi, FactoryCertificates } from '../../factory/api.js'
import { samePem } from '../../pki/pem.js'
import { readCrl } from '../../pki/read-crl.js'
import type { Progress } from '../../ports.js'

/** What the question is asked with. */
interface AskPorts {
  readonly progress: Progress
  api(): Promise<FactoryApi>
}

/**
 * Has the Factory API taken what an open command has made? Asked in any case; when it says nothing, and was not told anything
 * yet, it has not. Throws ERR_API when nobody can know.
 */
export async function apiHasTaken(
  directory: PkiDirectory,
  open: AbandonableJournal,
  ports: AskPorts,
): Promise<boolean> {
  const upload = open.steps.find(({ name }) => name === 'upload')?.state
  // It speaks to none, as `ca import-root` and `ca root-csr` do.
  if (upload === undefined) return false
  if (upload === 'done') return true
  try {
    const known = await (await ports.api()).getCertificates()
    return known !== null && (await isIn(known, directory, open))
  } catch (error) {
    if (!(error instanceof FpkiError) || upload !== 'pending') throw error
    ports.progress.warn(`Could not ask the Factory API, which has received nothing yet: ${error.message}`)
    return false
  }
}

async function isIn(known: FactoryCertificates, directory: PkiDirectory, open: AbandonableJournal): Promise<boolean> {
  if (open.command === 'ca create') {
    const root = await directory.read(PKI_FILES.rootCertificate)
    return root !== null && samePem(known.rootCrt, root)
  }
  return (await hasStaged(known, directory)) || hasCrl(known, open)
}

async function hasStaged(known: FactoryCertificates, directory: PkiDirectory): Promise<boolean> {
  const inApi = [known.tlsCrt, known.estTlsCrt, known.caCrt].join('\n').replace(/\s/g, '')
  const texts = await Promise.all((await directory.staged()).map((name) => directory.readStaged(name)))
  return texts.some((pem) => pem?.includes('BEGIN CERTIFICATE') && inApi.includes(pem.replace(/\s/g, '')))
}

/** One that waited for too long was signed again under the same number, so that the number counts. */
function hasCrl({ caRevokeCrl }: FactoryCertificates, { facts }: AbandonableJournal): boolean {
  const signed = 'crl' in facts ? facts.crl : undefined
  if (signed === undefined || caRevokeCrl === null) return false
  const [sent, ours] = [readCrl(caRevokeCrl, 'ca-revoke-crl'), readCrl(signed.crl, 'the CRL')]
  return (sent.crlNumber ?? 0n) >= (ours.crlNumber ?? 0n)
}

/** What an open command has had the Factory API make: a sentence each. */
export function leftInApi(journal: AbandonableJournal): readonly string[] {
  const asking = askingStep(journal)
  const isBegun = journal.steps.some(({ name, state }) => name === asking && state !== 'pending')
  if (!isBegun) return []
  return [
    'The Factory API has created new keys and CSRs. It does not use them, and the next command requests new ones.',
  ]
}

/** The step that asks the Factory API for requests; null: none does. */
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
