import * as z from 'zod/mini'

/** The version of the JSON documents; it rises when a member is removed or changes its meaning, not when one is added. */
export const SCHEMA_VERSION = 1

/**
 * The schema of a document that a command prints with --json, from its members. `schemaVersion` is optional: the command line
 * adds it when it prints, and the library returns the same document without it.
 */
export function jsonDocument<Shape extends z.core.$ZodShape>(shape: Shape) {
  return z.strictObject({ schemaVersion: z.optional(z.literal(SCHEMA_VERSION)), ...shape })
}
