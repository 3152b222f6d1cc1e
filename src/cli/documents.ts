import * as z from 'zod/mini'

/** What every command prints with --json when it fails. */
export const errorDocument = z.strictObject({
  error: z.strictObject({ code: z.string(), message: z.string(), hint: z.string() }),
})

/** What `fpki completion --json` prints. */
export const completionDocument = z.strictObject({ shell: z.enum(['bash', 'zsh', 'fish']), script: z.string() })
