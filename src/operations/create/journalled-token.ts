import type { OptionsOf } from '../../directory/journal-record.js'
import { ROOT_KEY } from '../../keystore/labels.js'
import type { Curve, HsmChoice } from '../../ports.js'

/** What a journal records of the token in which a command makes keys; null: they are files. */
export function newKeysToken({
  hsm,
  keyType = 'P-256',
  localCaInHsm = false,
}: {
  readonly hsm?: HsmChoice
  readonly keyType?: Curve
  readonly localCaInHsm?: boolean
}): OptionsOf<'ca root-csr'>['hsm'] {
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
