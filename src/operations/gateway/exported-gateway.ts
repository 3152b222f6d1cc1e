import * as z from 'zod/mini'
import { jsonDocument } from '../../json-document.js'
import { certificateFacts } from '../../pki/describe.js'
import { gatewayOptions } from './gateway-options.js'

/** What `fpki api export-gateway --json` prints. */
export const exportGatewayResult = jsonDocument({
  factory: z.string(),
  /** Which Factory API it is of. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** What nginx.conf says. */
  options: gatewayOptions,
  /** What it said before; null: it was not there. */
  earlierOptions: z.nullable(gatewayOptions),
  /** The names of its files. */
  files: z.array(z.string()),
  /** Those that were made, or are not what they were before. */
  changed: z.array(z.string()),
  tls: certificateFacts,
  /** Those whose devices may come in. */
  deviceCas: z.array(certificateFacts),
  /** The serial numbers of those that are left out, decimal. */
  disabledCaSerials: z.array(z.string()),
  warnings: z.array(z.string()),
})

/** See {@link exportGatewayResult}. */
export type ExportGatewayResult = z.infer<typeof exportGatewayResult>
