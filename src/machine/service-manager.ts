import { execFile } from 'node:child_process'
import { FpkiError } from '../errors.js'

/** systemd, or whatever else started this process and waits for it (sd_notify(3)). */
export interface ServiceManager {
  /** Says that the service is ready. Throws ERR_STORAGE when it is not heard. */
  ready(): Promise<void>
  /** Says that it stops. Never throws: it stops anyway. */
  stopping(): Promise<void>
}

/** How long the program may take. */
const TIMEOUT_MILLISECONDS = 10_000

/**
 * The service manager that NOTIFY_SOCKET in the environment names, or one that nobody hears. systemd's own program tells it, as
 * Node has no datagram sockets for it; the unit needs `NotifyAccess=all`.
 */
export function serviceManager(env: Readonly<Record<string, string | undefined>>): ServiceManager {
  const socket = env['NOTIFY_SOCKET']
  if (socket === undefined || socket === '') return { ready: async () => undefined, stopping: async () => undefined }
  const notify = (state: string) => runNotify(state, { NOTIFY_SOCKET: socket, PATH: env['PATH'] ?? '/usr/bin:/bin' })
  return {
    ready: () => notify('READY=1'),
    stopping: () => notify('STOPPING=1').catch(() => undefined),
  }
}

function runNotify(state: string, env: Readonly<Record<string, string>>): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile('systemd-notify', [state], { env, timeout: TIMEOUT_MILLISECONDS }, (cause) => {
      if (cause === null) resolve()
      else reject(notHeard(cause))
    })
  })
}

function notHeard(cause: Error): FpkiError {
  return new FpkiError(
    'ERR_STORAGE',
    'Cannot tell the service manager that the service is ready: systemd-notify failed.',
    'Install systemd-notify, or unset NOTIFY_SOCKET and use Type=exec in the unit.',
    { cause },
  )
}
