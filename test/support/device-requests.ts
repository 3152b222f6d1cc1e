import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildCsr, CN, type CsrParts, csrPem, extension, extensionRequest, OU, utf8Name } from '../pki/support/csr.js'

/** A device's request, as lmp-device-register makes it. */
export interface DeviceCsr {
  readonly uuid: string
  readonly pem: string
}

const BUSINESS_CATEGORY = '2.5.4.15'

/** keyUsage digitalSignature and extKeyUsage clientAuth, both critical. */
const DEVICE_EXTENSIONS = extensionRequest(
  extension('2.5.29.15', Buffer.from('03020780', 'hex')),
  extension('2.5.29.37', Buffer.from('300a06082b06010505070302', 'hex')),
)

/** A request of the factory acme; everything may be replaced. */
export function deviceCsr({
  uuid = randomUUID(),
  production = false,
  ...parts
}: Partial<CsrParts> & { readonly uuid?: string; readonly production?: boolean } = {}): DeviceCsr {
  const category: readonly (readonly [string, string])[] = production ? [[BUSINESS_CATEGORY, 'production']] : []
  const subject = utf8Name([CN, uuid], [OU, 'acme'], ...category)
  return { uuid, pem: csrPem(buildCsr({ subject, attributes: [DEVICE_EXTENSIONS], ...parts })) }
}

/** `count` requests of different devices. */
export function deviceCsrs(count: number): readonly DeviceCsr[] {
  return Array.from({ length: count }, () => deviceCsr())
}

/** Writes requests to a new folder, each to UUID.csr. */
export async function requestFolder(folder: string, requests: readonly DeviceCsr[]): Promise<string> {
  await mkdir(folder, { recursive: true })
  for (const { uuid, pem } of requests) await writeFile(join(folder, `${uuid}.csr`), pem)
  return folder
}
