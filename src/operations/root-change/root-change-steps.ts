import * as z from 'zod/mini'
import { DAY } from '../../day.js'
import { rfc3339 } from '../../pki/describe.js'
import { shellWord } from '../../shell-word.js'

/** One step of a root change. */
export const rootChangeStep = z.strictObject({
  /** Stable. */
  id: z.enum(['new-root', 'cross-sign', 'old-gateway', 'update', 'await-update', 'new-gateway', 'renew', 'retire']),
  kind: z.enum(['sign', 'ship', 'await', 'retire']),
  /** The days, at 00:00 UTC; equal for what takes one day. */
  from: z.string(),
  until: z.string(),
  what: z.string(),
  /** Commands of fpki; NEW is the directory of the new root. */
  commands: z.array(z.string()),
})

/** See {@link rootChangeStep}. */
export type PlannedStep = z.infer<typeof rootChangeStep>

/** What the steps depend on. */
interface RootChange {
  readonly directory: string
  readonly start: Date
  readonly rolloutDays: number
  readonly renewalDays: number
  /** null: unknown. */
  readonly devices: number | null
}

/** The steps of a root change, in order. Both roots are trusted from the update until the old one is retired. */
export function plannedSteps({ directory, start, rolloutDays, renewalDays, devices }: RootChange): PlannedStep[] {
  const at = shellWord(directory)
  const updated = after(start, rolloutDays)
  const renewed = after(updated, renewalDays)
  const all = devices === null ? 'all devices' : `all devices (${devices} in the device register)`
  const others = devices === null ? '' : ' The register knows only those that fpki issued.'
  const steps: readonly (Omit<PlannedStep, 'from' | 'until'> & { readonly days: readonly [Date, Date] })[] = [
    {
      ...{ id: 'new-root', kind: 'sign', days: [start, start] },
      what: 'Create the new root, its device CAs and its server certificate in a directory NEW.',
      commands: ['fpki ca create NEW', 'fpki ca backup NEW --out FILE'],
    },
    {
      ...{ id: 'cross-sign', kind: 'sign', days: [start, start] },
      what: 'Let both roots sign each other.',
      commands: [`fpki ca cross-sign ${at} --with NEW`],
    },
    {
      ...{ id: 'old-gateway', kind: 'ship', days: [start, start] },
      what:
        'Let the present gateway accept devices of the new root. If it trusts device CAs, as an exported gateway does, add ' +
        `the device CAs of NEW. If it trusts the old root, add the cross-certificate in ${directory} to its CA certificates; it ` +
        'then also accepts devices of device CAs that the new root has revoked.',
      commands: [],
    },
    {
      ...{ id: 'update', kind: 'ship', days: [start, updated] },
      what: `Ship an update that makes ${all} trust both roots.`,
      commands: [],
    },
    {
      ...{ id: 'await-update', kind: 'await', days: [start, updated] },
      what: `Wait until ${all} have the update.${others}`,
      commands: devices === null ? [] : [`fpki devices count ${at}`],
    },
    {
      ...{ id: 'new-gateway', kind: 'ship', days: [updated, updated] },
      what:
        `Serve the server certificate of NEW with the cross-certificate in ${directory} after it, so that devices without the update accept it too. ` +
        'Let this gateway trust the device CAs of both directories, or the new root with the cross-certificate in NEW.',
      commands: [],
    },
    {
      ...{ id: 'renew', kind: 'await', days: [updated, renewed] },
      what: `Renew the certificates of ${all} below the device CAs of NEW.${others}`,
      commands: ['fpki devices count NEW'],
    },
    {
      ...{ id: 'retire', kind: 'retire', days: [renewed, renewed] },
      what: 'Ship an update that trusts the new root only, remove the cross-certificates from the servers, and keep the old key with its backups offline.',
      commands: [`fpki ca verify ${at}`, `fpki ca backup ${at} --out FILE`],
    },
  ]
  return steps.map(({ days: [from, until], ...step }) => ({ ...step, from: rfc3339(from), until: rfc3339(until) }))
}

function after(start: Date, days: number): Date {
  return new Date(start.getTime() + days * DAY)
}
