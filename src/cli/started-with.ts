import { FpkiError } from '../errors.js'
import { type StartedOption, UnfinishedError, unfinishedMessage } from '../journal/unfinished.js'

/** The flags of the options that a journal names, by the last part of their names. */
const FLAGS: Readonly<Record<string, string>> = {
  factory: '--factory',
  api: '--api',
  onlineCa: '--online-ca',
  localCa: '--local-ca',
  localCaFilename: '--local-ca-filename',
  tlsNames: '--tls-name',
  caSerials: '--ca-serial',
  certificateFile: '--root-cert',
  encrypt: '--encrypt-keys',
  removeKey: '--remove-key',
  module: '--hsm-module',
  tokenLabel: '--hsm-token-label',
  tokenSerial: '--hsm-token-serial',
  label: '--hsm-uri',
  id: '--hsm-uri',
  curve: '--key-type',
}

/** The places of the key of local-ca. */
const LOCAL_CA: Readonly<Record<string, readonly StartedOption[]>> = {
  none: [{ name: '--local-ca', value: 'false' }],
  file: [
    { name: '--local-ca', value: 'true' },
    { name: '--local-ca-in-hsm', value: '' },
  ],
  token: [{ name: '--local-ca-in-hsm', value: 'true' }],
}

/** The error for a user of the command line: the options of an unfinished command as flags. */
export function withFlags(error: FpkiError): FpkiError {
  if (!(error instanceof UnfinishedError)) return error
  const flags = new Map<string, string>()
  // One flag may stand for several options, of which the command was started with one.
  for (const { name, value } of error.options.flatMap(flagsOf)) flags.set(name, flags.get(name) || value)
  const started = [...flags].map(([name, value]) => ({ name, value }))
  return new FpkiError(error.code, unfinishedMessage(error.directory, error.command, started), error.hint)
}

function flagsOf({ name, value }: StartedOption): readonly StartedOption[] {
  if (name === 'localCa.kind') return LOCAL_CA[value] ?? []
  const flag = FLAGS[name.split('.').at(-1) ?? name]
  return flag === undefined ? [] : [{ name: flag, value }]
}
