import { PKI_FILES, ROOT_CSR } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import type { Journal } from '../../directory/records.js'
import { goesOnFrom } from '../../journal/resume.js'
import { LOCAL_CA_KEY, ROOT_KEY } from '../../keystore/labels.js'
import { keyName } from '../../signer/pkcs11/key-name.js'
import { readPkcs11Uri } from '../../signer/pkcs11/uri.js'

/** What an open command has put into the directory itself, and whether state.json is older than it. */
export interface MadeInPlace {
  readonly inPlace: readonly string[]
  readonly keepsState: boolean
}

/**
 * What an open command has put into the directory itself. Those that make a PKI begin with an empty one, so that all files of
 * a PKI are theirs, but for the key that waits in one for its certificate; those that change one make everything aside first.
 */
export async function filesMadeBy(directory: PkiDirectory, journal: Journal): Promise<MadeInPlace> {
  const { command, arguments: args } = journal
  if (command !== 'ca create' && command !== 'ca root-csr') return { inPlace: [], keepsState: true }
  const names = await directory.names()
  const goesOn = goesOnFrom(journal) !== null
  const wasThere = (name: string) =>
    name === PKI_FILES.rootKey || name === ROOT_CSR || `${directory.path}/${name}` === args['--root-cert']
  const made = [...Object.values(PKI_FILES), ROOT_CSR].filter((name) => !goesOn || !wasThere(name))
  return { inPlace: made.filter((name) => names.includes(name)), keepsState: goesOn }
}

/** The steps that make a key in a token, and the arguments that say so. */
const TOKEN_STEPS = ['root-key', 'local-ca-key', 'token-key']

/** What an open command may have left in a token: a sentence for each. fpki deletes nothing there. */
export function leftInToken({ arguments: args, steps, command }: Journal): readonly string[] {
  if (args['--hsm-module'] === undefined) return []
  const token = args['--hsm-token-label'] || args['--hsm-token-serial'] || 'that the URI names'
  const begun = steps.filter(({ name, state }) => TOKEN_STEPS.includes(name) && state !== 'pending')
  return begun.flatMap(({ name }) => {
    const isLocal = name === 'local-ca-key'
    if (isLocal && args['--local-ca-in-hsm'] !== 'true') return []
    const key = isLocal ? keyName(LOCAL_CA_KEY) : keyIn(args['--hsm-uri'] ?? '')
    const fate =
      command === 'ca import-root' ? fateOfImported(steps) : 'nothing has been signed for the Factory API with it'
    return [`The key ${key} may be in the token "${token}": it stays there, and ${fate}.`]
  })
}

/** Whoever reads that there is another copy may delete this one. */
function fateOfImported(steps: Journal['steps']): string {
  const isBegun = (wanted: string) => steps.some(({ name, state }) => name === wanted && state !== 'pending')
  if (isBegun('remove-key')) return 'this PKI needs it: factory_ca.key is gone, or may be'
  return isBegun('state') ? 'this PKI signs with it; factory_ca.key is the same key' : 'factory_ca.key is the same key'
}

/** The key that a URI of the journal names; what it leaves open is as in a new one. */
function keyIn(uri: string): string {
  const { object, id } = readPkcs11Uri(uri || 'pkcs11:')
  return keyName({ label: object ?? (id === null ? ROOT_KEY.label : ''), id: id ?? ROOT_KEY.id })
}
