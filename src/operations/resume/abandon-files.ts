import { CREATE, ROOT_CSR_COMMAND } from '../../directory/commands.js'
import { type AbandonableJournal, hsmOfJournal } from '../../directory/journal-record.js'
import { PKI_FILES, ROOT_CSR } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { LOCAL_CA_KEY, ROOT_KEY } from '../../keystore/labels.js'
import { keyName } from '../../signer/pkcs11/key-name.js'

/** What an open command has put into the directory itself, and whether state.json is older than it. */
export interface MadeInPlace {
  readonly inPlace: readonly string[]
  readonly keepsState: boolean
}

/**
 * What an open command has put into the directory itself. Those that make a PKI begin with an empty one, so that all files of
 * a PKI are theirs, but for the key that waits in one for its certificate; those that change one make everything aside first.
 */
export async function filesMadeBy(directory: PkiDirectory, journal: AbandonableJournal): Promise<MadeInPlace> {
  if (journal.command !== CREATE && journal.command !== ROOT_CSR_COMMAND) return { inPlace: [], keepsState: true }
  const names = await directory.names()
  const root = journal.command === CREATE ? journal.options.root : null
  const rootCertificate = root?.kind === 'existing' ? root.certificateFile : null
  const fromRootCsr = journal.command === CREATE && journal.rootCsr !== undefined
  const wasThere = (name: string) =>
    name === PKI_FILES.rootKey || name === ROOT_CSR || `${directory.path}/${name}` === rootCertificate
  const made = [...Object.values(PKI_FILES), ROOT_CSR].filter((name) => !fromRootCsr || !wasThere(name))
  return { inPlace: made.filter((name) => names.includes(name)), keepsState: fromRootCsr }
}

/** What an open command may have left in a token: a sentence for each key. fpki deletes nothing there. */
export function leftInToken(journal: AbandonableJournal): readonly string[] {
  const hsm = hsmOfJournal(journal)
  // The first step makes the keys.
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

/** Whoever reads that there is another copy may delete this one. */
function fateOfImported(steps: AbandonableJournal['steps']): string {
  const isBegun = (wanted: string) => steps.some(({ name, state }) => name === wanted && state !== 'pending')
  if (isBegun('removeKey')) return 'this PKI needs it, because factory_ca.key may be gone'
  return isBegun('state') ? 'this PKI signs with it; factory_ca.key is the same key' : 'factory_ca.key is the same key'
}

/** What the journal leaves open is as in a new key. */
function keyIn(key: { readonly label: string | null; readonly id: string | null } | null): string {
  const { label, id } = key ?? { label: null, id: null }
  return keyName({ label: label ?? (id === null ? ROOT_KEY.label : ''), id: id ?? ROOT_KEY.id })
}
