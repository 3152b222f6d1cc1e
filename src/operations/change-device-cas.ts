import * as z from 'zod/mini'
import { FpkiError } from '../errors.js'
import type { FactoryCertificates } from '../factory/api.js'
import { rfc3339 } from '../pki/describe.js'
import { crlFacts, describeCrl } from '../pki/describe-crl.js'
import { formatName } from '../pki/name.js'
import { readCrl } from '../pki/read-crl.js'
import { type CaWords, serialsOf } from './ca-serials.js'
import { type Change, type ChangePorts, changePki, isInterrupted } from './change-pki.js'
import { CA_ACTIONS, type CaAction, type CaPlan, planOf } from './device-ca-plan.js'
import { deviceCaSerials, knownPki, type OpenPki, openPki } from './open-pki.js'
import { rootSignerOf } from './root-signer.js'
import { type Facts, fact } from './run-steps.js'
import { signCrl } from './sign-crl.js'

const toldCas = z.array(
  z.strictObject({
    /** Decimal. */
    serial: z.string(),
    subject: z.string(),
    role: z.enum(['online-ca', 'local-ca']),
    /** In the PKI directory; null: there is none. */
    file: z.nullable(z.string()),
    notAfter: z.string(),
  }),
)

/** What `fpki ca revoke-device-ca --json`, and disable and enable, print. */
export const changedDeviceCas = z.strictObject({
  factory: z.string(),
  /** Which Factory API was told. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  action: z.enum(['revoke', 'disable', 'enable']),
  dryRun: z.boolean(),
  /** The Factory API was told; false: it was a dry run, or there was nothing to do. */
  changed: z.boolean(),
  deviceCas: toldCas,
  /** null: there was nothing to do. */
  crl: z.nullable(crlFacts),
  /** An interrupted run was brought to its end. */
  resumed: z.boolean(),
  warnings: z.array(z.string()),
})

/** See {@link changedDeviceCas}. */
export type ChangedDeviceCas = z.infer<typeof changedDeviceCas>

/** What is to be done to which device CAs. */
export interface ChangeDeviceCasOptions extends CaWords {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  readonly factory: string
  readonly action: CaAction
  /** Sign the CRL, and go no further. */
  readonly dryRun: boolean
}

/** What changing device CAs works with. */
export interface ChangeDeviceCasPorts extends ChangePorts {
  /** Asks whoever runs fpki; throws ERR_NOT_CONFIRMED when it is not to be. An interrupted run does not ask again. */
  confirm(action: CaAction, plan: CaPlan): Promise<void>
}

/**
 * Revokes, disables or enables device CAs with a CRL for the Factory API (contract.md 3 and 4).
 *
 * @throws FpkiError ERR_NOT_A_DEVICE_CA, ERR_NOT_CONFIRMED, and as serialsOf and changePki do
 */
export async function changeDeviceCas(
  options: ChangeDeviceCasOptions,
  ports: ChangeDeviceCasPorts,
): Promise<ChangedDeviceCas> {
  const { directory, factory, action, dryRun } = options
  const pki = await openPki(ports.files, directory, factory)
  const serials = await serialsOf(options, pki, ports.files)
  const { change, sentCrl } = crlChange(options, serials)
  const told = { factory, api: ports.api.name, directory, action, dryRun }
  const nothing = { changed: false, resumed: false, warnings: [] }
  if (dryRun || !(await isInterrupted(pki, change))) {
    const known = await knownPki(ports.api, pki)
    const plan = await planOf(action, serials, pki, known)
    if (plan.isDone) return { ...told, ...nothing, deviceCas: toldOf(plan), crl: null }
    if (dryRun) {
      const signed = await drySigned(options, serials, { ...pki, ...ports, known })
      return { ...told, ...nothing, deviceCas: toldOf(plan), ...signed }
    }
    await ports.confirm(action, plan)
  }
  const { facts, resumed, warnings } = await changePki({ directory, factory }, change, ports)
  const crl = describeCrl(readCrl(sentCrl(facts), 'the CRL'))
  return { ...told, changed: true, deviceCas: toldInFacts(facts), crl, resumed, warnings: [...warnings] }
}

/** The CRL that would be sent; nothing is written, and nothing is locked. */
async function drySigned(
  { action }: ChangeDeviceCasOptions,
  serials: readonly bigint[],
  work: ChangePorts & OpenPki & { readonly known: FactoryCertificates },
) {
  const rootSigner = rootSignerOf(work.directory, work.access)
  const warnings: string[] = []
  const warn = (text: string) => {
    warnings.push(text)
    work.progress.warn(text)
  }
  try {
    const pem = await signCrl({ ...work, rootSigner, warn }, CA_ACTIONS[action].reason, serials)
    return { crl: describeCrl(readCrl(pem, 'the CRL')), warnings }
  } finally {
    await rootSigner.close()
  }
}

function crlChange({ action, factory }: ChangeDeviceCasOptions, serials: readonly bigint[]) {
  const { command, reason } = CA_ACTIONS[action]
  let resigned: string | null = null
  const sentCrl = (facts: Facts) => resigned ?? fact(facts, 'crl')
  const change: Change = {
    command,
    arguments: { '--factory': factory, '--ca-serial': serials.join(' ') },
    prepare: [
      {
        name: 'crl',
        says: 'Signing the CRL',
        run: async (work) => {
          const plan = await planOf(action, serials, work, work.known)
          return { deviceCas: JSON.stringify(toldOf(plan)), crl: await signCrl(work, reason, serials) }
        },
      },
    ],
    update: async (work, known, facts) => {
      const { nextUpdate } = readCrl(sentCrl(facts), 'the CRL')
      // It may have waited for longer than it is good for.
      const isStale = nextUpdate !== null && nextUpdate <= work.clock()
      if (isStale && !change.isTaken(known, {})) resigned = await signCrl({ ...work, known }, reason, serials)
      return { caRevokeCrl: sentCrl(facts) }
    },
    isTaken: (known) => {
      const current = deviceCaSerials(known)
      const isDisabled = (serial: bigint) => known.disabledCaSerials.includes(serial.toString())
      if (action === 'revoke') return !serials.some((serial) => current.has(serial))
      return serials.every((serial) => current.has(serial) && isDisabled(serial) === (action === 'disable'))
    },
    finish: async (_, facts) => ({ crlNumber: (readCrl(sentCrl(facts), 'the CRL').crlNumber ?? 0n).toString() }),
  }
  return { change, sentCrl }
}

type ToldCas = z.infer<typeof toldCas>

function toldOf({ cas }: CaPlan): ToldCas {
  return cas.map(({ certificate: { serialNumber, subject, notAfter }, role, file }) => ({
    serial: serialNumber.toString(),
    subject: formatName(subject),
    role,
    file,
    notAfter: rfc3339(notAfter),
  }))
}

/** The journal is a file, and anything may be in it. */
function toldInFacts(facts: Facts): ToldCas {
  const told = toldCas.safeParse(JSON.parse(fact(facts, 'deviceCas')))
  if (told.success) return told.data
  throw new FpkiError('ERR_BAD_FILE', 'The journal is broken.', 'Put journal.json back as fpki wrote it.')
}
