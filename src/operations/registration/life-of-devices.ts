import type { DeviceRegister } from '../../devices/register.js'
import type { LifeCounts } from '../../devices/renewal.js'
import type { Clock } from '../../ports.js'
import { expiringByMonth } from '../devices/expiring-by-month.js'

/** The register counts all devices for it, while devices wait for their registration. */
const AGE = 5 * 60_000

/** What is going to happen to devices, counted at most every five minutes. */
export function lifeOfDevices(register: Pick<DeviceRegister, 'lifeCounts'>, clock: Clock): () => Promise<LifeCounts> {
  let counted: { readonly at: number; readonly life: LifeCounts } | null = null
  return async () => {
    const now = clock()
    if (counted !== null && now.getTime() - counted.at < AGE) return counted.life
    const life = await register.lifeCounts(now.getTime())
    counted = { at: now.getTime(), life: { ...life, expiring: expiringByMonth(life.expiring, now) } }
    return counted.life
  }
}
