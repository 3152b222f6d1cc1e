import { FpkiError } from '../errors.js'
import { type StartedOption, UnfinishedError, unfinishedMessage } from '../journal/unfinished.js'

/** The flags of the options that a journal names. */
const FLAGS: Readonly<Record<string, string>> = {
  factory: '--factory',
  api: '--api',
  onlineCa: '--online-ca',
  localCa: '--local-ca',
  localCaFilename: '--local-ca-filename',
  tlsNames: '--tls-name',
  caSerials: '--ca-serial',
  rootCertificateFile: '--root-cert',
  encryptKeys: '--encrypt-keys',
  removeKey: '--remove-key',
  'hsm.module': '--hsm-module',
  'hsm.tokenLabel': '--hsm-token-label',
  'hsm.tokenSerial': '--hsm-token-serial',
  'hsm.key.label': '--hsm-uri',
  'hsm.key.id': '--hsm-uri',
  'hsm.keyType': '--key-type',
  'hsm.localCaInHsm': '--local-ca-in-hsm',
}

/** The error for a user of the command line: the options of an unfinished command as flags. */
export function withFlags(error: FpkiError): FpkiError {
  if (!(error instanceof UnfinishedError)) return error
  const flags = error.options.flatMap(({ name, value }): readonly StartedOption[] => {
    const flag = FLAGS[name]
    return flag === undefined ? [] : [{ name: flag, value }]
  })
  return new FpkiError(error.code, unfinishedMessage(error.directory, error.command, flags), error.hint)
}
