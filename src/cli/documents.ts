import * as z from 'zod/mini'
import { jsonDocument } from '../json-document.js'

/** What a command prints with --json when it fails. */
export const errorDocument = jsonDocument({
  error: z.strictObject({ code: z.string(), message: z.string(), hint: z.string() }),
})

/** What `fpki completion --json` prints. */
export const completionDocument = jsonDocument({ shell: z.enum(['bash', 'zsh', 'fish']), script: z.string() })

/** What `fpki --version --json` prints. */
export const versionDocument = jsonDocument({ version: z.string() })
