import type { CREATE, ROOT_CSR_COMMAND } from '../../directory/commands.js'
import type { OptionsOf } from '../../directory/journal-record.js'
import type { FactoryApi } from '../../factory/api.js'
import { ROOT_KEY } from '../../keystore/labels.js'
import type { HsmChoice } from '../../ports.js'
import type { CreatePkiOptions, KeyOptions } from './preconditions.js'
import type { RootCsrOptions } from './root-csr.js'

/** What the journal of a `ca create` records of its options. */
export function journalledOptions(options: CreatePkiOptions, api: Pick<FactoryApi, 'name'>): OptionsOf<typeof CREATE> {
  const { factory, onlineCa, localCa, tlsNames, rootCertificateFile = null, encryptKeys = false } = options
  return {
    ...{ factory, api: api.name, onlineCa, localCa, tlsNames: [...tlsNames], rootCertificateFile, encryptKeys },
    hsm: newKeysToken(options),
  }
}

/** What the journal of a `ca root-csr` records of its options. */
export function journalledRootCsrOptions(options: RootCsrOptions): OptionsOf<typeof ROOT_CSR_COMMAND> {
  const { factory, encryptKeys = false } = options
  return { factory, encryptKeys, hsm: newKeysToken(options) }
}

function newKeysToken({ hsm, keyType = 'P-256', localCaInHsm = false }: Partial<KeyOptions>) {
  return hsm === undefined ? null : { ...journalledToken(hsm), keyType, localCaInHsm }
}

/** What a journal records of a token, and of the key in it when that is not the usual one. */
export function journalledToken({ module, token, key }: HsmChoice): OptionsOf<'ca import-root'>['hsm'] {
  const isUsual = key.id === null && (key.label === null || key.label === ROOT_KEY.label)
  return {
    module,
    tokenLabel: token.label,
    tokenSerial: token.serial,
    key: isUsual ? null : { label: key.label, id: key.id },
  }
}
