import * as z from 'zod/mini'
import { jsonDocument } from '../../json-document.js'
import { certificateFacts } from '../../pki/describe.js'
import { gatewayOptions } from './gateway-options.js'

/** What `fpki api export-gateway --json` prints. */
export const exportGatewayResult = jsonDocument({
  factory: z.string(),
  /** The Factory API. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** The options in nginx.conf. */
  options: gatewayOptions,
  /** The options before; null: there was no nginx.conf. */
  earlierOptions: z.nullable(gatewayOptions),
  /** File names in the directory. */
  files: z.array(z.string()),
  /** The files that are new or have changed. */
  changed: z.array(z.string()),
  tls: certificateFacts,
  /** The enabled ones, whose devices are admitted. */
  deviceCas: z.array(certificateFacts),
  /** Serial numbers of the device CAs that were omitted, decimal. */
  disabledCaSerials: z.array(z.string()),
  warnings: z.array(z.string()),
})

/** See {@link exportGatewayResult}. */
export type ExportGatewayResult = z.infer<typeof exportGatewayResult>
