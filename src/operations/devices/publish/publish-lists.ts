import * as z from 'zod/mini'
import type { RegisterPorts } from '../../../devices/open.js'
import { jsonDocument } from '../../../json-document.js'
import type { KeyAccess } from '../../../keystore/root-key.js'
import { rfc3339 } from '../../../pki/describe.js'
import { openPki } from '../../open-pki.js'
import { requireOutsidePki } from '../../outside-pki.js'
import { publishedFacts } from '../../registration/publish-outbox.js'
import { requireToWrite } from '../lines/change-register.js'
import { type RegisterChoice, requireRegister } from '../open-register.js'
import {
  type DeviceCrlOptions,
  type DeviceCrlPlan,
  type DeviceCrlScene,
  planDeviceCrl,
  writeDeviceCrl,
} from './device-crl.js'
import { checkListFile, type ListFilePorts } from './list-file.js'
import { nginxMapFile, writeNginxMap } from './nginx-map.js'

/** What `fpki devices publish --json` prints with one of `--nginx-map`, `--crl` and `--foundries`. */
export const publishListsResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  factory: z.string(),
  /** The deny list for nginx; null: it was not asked for. */
  nginxMap: z.nullable(
    z.strictObject({
      /** Absolute. */
      file: z.string(),
      /** How many certificates it has. */
      certificates: z.int(),
    }),
  ),
  /** null: it was not asked for. */
  crl: z.nullable(
    z.strictObject({
      /** Absolute. */
      file: z.string(),
      /** The certificate file of the device CA that signed it. */
      ca: z.string(),
      number: z.int(),
      /** How many certificates it revokes. */
      certificates: z.int(),
      thisUpdate: z.string(),
      nextUpdate: z.string(),
    }),
  ),
  /** How the Factory API was informed; null: it was not asked for. */
  foundries: z.nullable(publishedFacts),
})

/** See {@link publishListsResult}. */
export type PublishListsResult = z.infer<typeof publishListsResult>

/** Options of {@link publishLists}. */
export interface PublishListsOptions extends RegisterChoice {
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** Absolute; null: no deny list for nginx. */
  readonly nginxMap: string | null
  readonly crl: DeviceCrlOptions | null
}

/** Ports of {@link publishLists}. */
export interface PublishListsPorts extends RegisterPorts, Pick<ListFilePorts, 'batches'> {
  readonly access: KeyAccess
  readonly signal: AbortSignal
}

/**
 * Writes the lists by which gateways refuse devices, from the register. An earlier list is replaced atomically.
 *
 * @throws FpkiError ERR_USAGE when a list would be in the PKI directory; as openPki, openDeviceRegister, checkListFile, planDeviceCrl and writeDeviceCrl; ERR_NOT_INITIALIZED without a register; the
 *   reason of the signal
 */
export async function publishLists(
  options: PublishListsOptions,
  ports: PublishListsPorts,
): Promise<PublishListsResult> {
  const pki = await openPki(ports.files, options.directory, options.factory)
  const now = ports.clock()
  const { access, signal } = ports
  const { nginxMap } = options
  const { files } = ports
  const directories = [options.directory]
  if (nginxMap !== null)
    await requireOutsidePki({ path: nginxMap, what: 'a deny list', option: 'nginxMap', directories }, files)
  if (options.crl !== null)
    await requireOutsidePki({ path: options.crl.path, what: 'a CRL', option: 'crl', directories }, files)
  if (nginxMap !== null) await checkListFile(nginxMapFile(nginxMap), ports)
  const crl = options.crl === null ? null : await planDeviceCrl(options.crl, { pki, now }, ports)
  // The number of a CRL is taken from the register.
  const register = await (crl === null ? requireRegister : requireToWrite)(options, ports)
  try {
    return {
      ...{ directory: pki.directory.path, factory: pki.factory, foundries: null },
      nginxMap:
        nginxMap === null
          ? null
          : { file: nginxMap, certificates: await writeNginxMap(nginxMap, { register, now, signal }, ports) },
      crl: crl === null ? null : await crlOf(crl, { pki, register, now, access, signal }, ports),
    }
  } finally {
    await register.close()
  }
}

async function crlOf(plan: DeviceCrlPlan, scene: DeviceCrlScene, ports: PublishListsPorts) {
  const { thisUpdate, nextUpdate, ...written } = await writeDeviceCrl(plan, scene, ports)
  return { file: plan.file.path, ...written, thisUpdate: rfc3339(thisUpdate), nextUpdate: rfc3339(nextUpdate) }
}
