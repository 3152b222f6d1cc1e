import { CREATE, ROOT_CSR_COMMAND } from '../../directory/commands.js'
import { type AbandonableJournal, hsmOfJournal } from '../../directory/journal-record.js'
import { PKI_FILES, ROOT_CSR } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { LOCAL_CA_KEY, ROOT_KEY } from '../../keystore/labels.js'
import { keyName } from '../../signer/pkcs11/key-name.js'

/** The files that an interrupted command created in the directory itself, and whether state.json is older than the command. */
export interface CreatedInPlace {
  readonly inPlace: readonly string[]
  readonly keepsState: boolean
}

/**
 * The files that an interrupted command created in the directory itself. Commands that create a PKI start in an empty one, so all
 * its files are theirs, except a root key from `ca root-csr`. Commands that change a PKI stage their files elsewhere first.
 */
export async function filesCreatedBy(directory: PkiDirectory, journal: AbandonableJournal): Promise<CreatedInPlace> {
  if (journal.command !== CREATE && journal.command !== ROOT_CSR_COMMAND) return { inPlace: [], keepsState: true }
  const names = await directory.names()
  const root = journal.command === CREATE ? journal.options.root : null
  const rootCertificate = root?.kind === 'existing' ? root.certificateFile : null
  const fromRootCsr = journal.command === CREATE && journal.rootCsr !== undefined
  const existedBefore = (name: string) =>
    name === PKI_FILES.rootKey || name === ROOT_CSR || `${directory.path}/${name}` === rootCertificate
  const candidates = [...Object.values(PKI_FILES), ROOT_CSR].filter((name) => !fromRootCsr || !existedBefore(name))
  return { inPlace: candidates.filter((name) => names.includes(name)), keepsState: fromRootCsr }
}

/** The keys that an interrupted command may have left in a token: a sentence each. fpki deletes no key there. */
export function leftInToken(journal: AbandonableJournal): readonly string[] {
  const hsm = hsmOfJournal(journal)
  // The first step generates the keys.
  if (hsm === null || journal.steps[0]?.state === 'pending') return []
  const hasLocalCa = journal.command === CREATE && journal.options.localCa.kind === 'token'
  const name = hsm.tokenLabel ?? hsm.tokenSerial
  const token = name === null ? 'the token that the URI selects' : `the token "${name}"`
  const fate =
    journal.command === 'ca import-root' ? fateOfImported(journal.steps) : 'it has signed nothing for the Factory API'
  return [keyIn(hsm.key), ...(hasLocalCa ? [keyName(LOCAL_CA_KEY)] : [])].map(
    (key) => `The key ${key} may be in ${token}; it stays there, and ${fate}.`,
  )
}

/** Says whether the key is the only copy, because a user who believes in another copy may delete it. */
function fateOfImported(steps: AbandonableJournal['steps']): string {
  const isBegun = (step: string) => steps.some(({ name, state }) => name === step && state !== 'pending')
  if (isBegun('removeKey')) return 'this PKI needs it, because factory_ca.key may be gone'
  return isBegun('state') ? 'this PKI signs with it; factory_ca.key is the same key' : 'factory_ca.key is the same key'
}

/** What the journal does not specify is as in a new key. */
function keyIn(key: { readonly label: string | null; readonly id: string | null } | null): string {
  const { label, id } = key ?? { label: null, id: null }
  return keyName({ label: label ?? (id === null ? ROOT_KEY.label : ''), id: id ?? ROOT_KEY.id })
}
