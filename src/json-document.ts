import * as z from 'zod/mini'

/** Version of the JSON documents. It increases when a member is removed or changes its meaning, not when one is added. */
export const SCHEMA_VERSION = 1

/**
 * Builds the schema of a document that a command prints with --json. `schemaVersion` is optional, because the library returns
 * the document without it.
 */
export function jsonDocument<Shape extends z.core.$ZodShape>(shape: Shape) {
  return z.strictObject({ schemaVersion: z.optional(z.literal(SCHEMA_VERSION)), ...shape })
}
