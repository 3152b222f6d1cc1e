import { Gauge, Registry } from 'prom-client'
import type { LifeCounts } from '../devices/renewal.js'
import { FpkiError } from '../errors.js'
import type { Log } from './log.js'

/**
 * The metrics of what is going to happen to devices, whichever services are served. No samples (null) while the register cannot
 * be read, rather than old ones.
 */
export function lifeMetrics(): { text(life: LifeCounts | null): Promise<string> } {
  const registry = new Registry()
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] })
  const denied = gauge('fpki_devices_denied', 'Number of devices that are denied.')
  const unconfirmedHelp = 'Number of devices with a renewed certificate that was not seen yet.'
  const unconfirmed = gauge('fpki_devices_unconfirmed', unconfirmedHelp)
  const monthHelp = 'Number of devices whose certificate expires in this month (UTC).'
  const expiring = gauge('fpki_devices_expiring_by_month', monthHelp, 'month')
  return {
    text: (life) => {
      for (const one of [denied, unconfirmed]) one.remove()
      expiring.reset()
      if (life !== null) {
        denied.set(life.denied)
        unconfirmed.set(life.unconfirmed)
        for (const { month, devices } of life.expiring) expiring.set({ month }, devices)
      }
      return registry.metrics()
    },
  }
}

/** The metrics are most needed when something is not available. */
export function notRead(error: unknown, log: Log): null {
  if (!(error instanceof FpkiError)) throw error
  log.error({ code: error.code, message: error.message }, 'register not read')
  return null
}
