import { onTestFinished } from 'vitest'
import { newLog } from '../../../src/server/log.js'
import { type OcspMetrics, ocspMetrics } from '../../../src/server/ocsp/metrics.js'
import { serveOcsp } from '../../../src/server/ocsp/server.js'
import { type OcspScene, ocspScene } from '../../operations/ocsp/scene.js'

/** An OCSP service over HTTP, in this process. */
export interface ServedOcsp extends OcspScene {
  readonly url: string
  readonly metrics: OcspMetrics
  log(): string
}

/** Starts it on any free port; it ends with the test. */
export async function servedOcsp(changes: Parameters<typeof ocspScene>[0] = {}): Promise<ServedOcsp> {
  const scene = await ocspScene(changes)
  const metrics = ocspMetrics()
  let log = ''
  const destination = { write: (line: string) => (log += line) }
  const ports = {
    service: scene.service,
    metrics,
    clock: scene.now,
    log: newLog(destination as never, scene.now, false),
  }
  const server = await serveOcsp({ host: '127.0.0.1', port: 0 }, ports)
  onTestFinished(() => server.close())
  return { ...scene, url: server.url, metrics, log: () => log }
}
