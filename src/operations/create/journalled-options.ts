import type { CREATE } from '../../directory/commands.js'
import type { OptionsOf, RecordedHsm } from '../../directory/journal-record.js'
import { ROOT_KEY } from '../../keystore/labels.js'
import type { HsmChoice } from '../../ports.js'
import type { CreatePkiOptions, ExistingRootOption, KeyPlaces, NewRootInFile, NewRootInToken } from './options.js'

/** What the journal of a `ca create` records of its options. */
export function journalledOptions(
  { factory, onlineCa, tlsNames, root, localCa }: CreatePkiOptions,
  api: { readonly name: string },
): OptionsOf<typeof CREATE> {
  return {
    ...{ factory, api: api.name, onlineCa, tlsNames: [...tlsNames] },
    root: root.kind === 'existing' ? journalledExistingRoot(root) : journalledNewRoot(root),
    localCa: localCa.kind === 'file' ? { kind: 'file', encrypt: localCa.encrypt === true } : { kind: localCa.kind },
  }
}

/** The location of a new root key, as the journal records it. */
export function journalledNewRoot(root: NewRootInFile | NewRootInToken): OptionsOf<'ca root-csr'>['root'] {
  if (root.kind === 'new-file') return { kind: 'new-file', encrypt: root.encrypt === true }
  return { kind: 'new-token', hsm: journalledToken(root.hsm), curve: root.curve ?? 'P-256' }
}

/** A key file that was copied is in the directory: where it was copied from does not tell two runs apart. */
function journalledExistingRoot({
  certificateFile,
  key,
}: Extract<KeyPlaces['root'], ExistingRootOption<unknown>>): OptionsOf<typeof CREATE>['root'] {
  const kind = 'existing'
  if (key.kind === 'token') return { kind, certificateFile, key: { kind: 'token', hsm: journalledToken(key.hsm) } }
  const encrypt = (key.kind === 'file' ? key.encrypt : key.encrypted) === true
  return { kind, certificateFile, key: { kind: 'file', encrypt } }
}

/** What a journal records of a token, and of the key in it when that is not the usual one. */
export function journalledToken({ module, token, key }: HsmChoice): RecordedHsm {
  const isUsual = key.id === null && (key.label === null || key.label === ROOT_KEY.label)
  return {
    module,
    tokenLabel: token.label,
    tokenSerial: token.serial,
    key: isUsual ? null : { label: key.label, id: key.id },
  }
}
