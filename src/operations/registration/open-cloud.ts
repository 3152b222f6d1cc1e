import type { Outbox } from '../../devices/outbox.js'
import type { DeviceApi } from '../../factory/device-api.js'
import { announceTo } from './announce.js'
import type { RegistrationCloud } from './options.js'
import { type PublisherPorts, startPublishing } from './start-publishing.js'

/** Informs a Factory API of the devices of a registration service, at once or in the background, until it is stopped. */
export function registrationCloud(api: DeviceApi, ports: PublisherPorts): (outbox: Outbox) => RegistrationCloud {
  return (outbox) => {
    const { nudge, stop } = startPublishing({ outbox }, api, ports)
    // A registration that was accepted is finished, and the API has time limits of its own.
    const { signal } = new AbortController()
    return { nudge, stop, announce: announceTo({ outbox, api }, signal, ports) }
  }
}
