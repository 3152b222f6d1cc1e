import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import { type Facts, fact } from '../../journal/run-steps.js'
import { jsonDocument } from '../../json-document.js'
import { rfc3339 } from '../../pki/describe.js'
import { crlFacts } from '../../pki/describe-crl.js'
import { formatName } from '../../pki/name.js'
import { parseJson } from '../../storage/json-file.js'
import type { CaPlan } from './device-ca-plan.js'

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
export const changeDeviceCasResult = jsonDocument({
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

/** See {@link changeDeviceCasResult}. */
export type ChangeDeviceCasResult = z.infer<typeof changeDeviceCasResult>

type ToldCas = z.infer<typeof toldCas>

/** What is told of the device CAs of a plan. */
export function toldOf({ cas }: CaPlan): ToldCas {
  return cas.map(({ certificate: { serialNumber, subject, notAfter }, role, file }) => ({
    serial: serialNumber.toString(),
    subject: formatName(subject),
    role,
    file,
    notAfter: rfc3339(notAfter),
  }))
}

/** The same, as the journal remembers it. It is a file, and anything may be in it: throws ERR_BAD_FILE. */
export function toldInFacts(facts: Facts): ToldCas {
  const told = toldCas.safeParse(parseJson(fact(facts, 'deviceCas')))
  if (told.success) return told.data
  throw new FpkiError('ERR_BAD_FILE', 'The journal is broken.', 'Put journal.json back as fpki wrote it.')
}
