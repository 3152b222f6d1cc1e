import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import { MAX_CSR_BYTES } from '../../pki/csr.js'
import { printable } from '../../printable.js'
import { checkOverrides } from '../devices/output/sota-toml.js'
import type { RegistrationRequest } from './model.js'

/** Why a request cannot be read: for each member that is wrong a clause. */
export type RequestErrors = Readonly<Record<string, string>>

/** What readRegistrationRequest returns. */
export type ReadRegistrationRequest = { readonly request: RegistrationRequest } | { readonly errors: RequestErrors }

/** Longer than any name, and short enough for every column of a register. */
const MAX_TEXT = 256
/** The sections of sota.toml are ten; the keys of all together are a few dozen. */
const MAX_OVERRIDES = 64
/** Where the clients have their files unless they are told otherwise. */
const CONFIG_DIRECTORY = '/var/sota'

const printableText = z.string().check(
  z.maxLength(MAX_TEXT, `it is longer than ${MAX_TEXT} characters`),
  z.refine((text) => printable(text) === text, 'it has unprintable characters'),
)
const text = z.pipe(
  z.nullish(printableText),
  z.transform((value) => (value === undefined || value === null || value.trim() === '' ? null : value.trim())),
)
const flag = z.pipe(
  z.nullish(z.union([z.boolean(), z.enum(['true', 'false', ''])], 'it is neither true nor false')),
  z.transform((value) => value === true || value === 'true'),
)
/** A path that sota.toml has within other values, and that people read. */
const folder = z.pipe(
  text,
  z.pipe(
    z.transform((path: string | null) => (path ?? CONFIG_DIRECTORY).replace(/\/+$/, '')),
    z.string().check(z.regex(/^\/[^"'\\]+$/, 'it is not an absolute path without quotes')),
  ),
)
const literals = z.record(z.string(), z.string('the values must be strings'), 'a section must be an object')
const overrides = z.pipe(
  z.nullish(z.record(z.string(), literals, 'it must be an object')),
  z.transform((sections) => sections ?? {}),
)

const members = z.object(
  {
    csr: z
      .string('it must be PEM text')
      .check(
        z.maxLength(MAX_CSR_BYTES, `it is longer than ${MAX_CSR_BYTES} characters`),
        z.minLength(1, 'it is empty'),
      ),
    uuid: text,
    name: text,
    'hardware-id': text,
    group: text,
    'use-ostree-server': flag,
    'sota-config-dir': folder,
    overrides,
  },
  'the body must be a JSON object',
)

/**
 * Reads the request of a device (docs/registration.md). lmp-device-register sends every value as a string; unknown members are
 * ignored.
 *
 * @param body parsed JSON
 */
export function readRegistrationRequest(body: unknown): ReadRegistrationRequest {
  const { data, error } = members.safeParse(body)
  if (data === undefined) return { errors: errorsOf(error.issues) }
  const problem = overridesProblem(body, data.overrides)
  if (problem !== null) return { errors: { overrides: problem } }
  return {
    request: {
      csr: data.csr,
      uuid: data.uuid,
      name: data.name,
      hardwareId: data['hardware-id'],
      group: data.group,
      usesOstree: data['use-ostree-server'],
      configDirectory: data['sota-config-dir'],
      overrides: data.overrides,
    },
  }
}

/** The first of each member. */
function errorsOf(issues: readonly z.core.$ZodIssue[]): RequestErrors {
  const errors = new Map<string, string>()
  for (const { path, message } of issues) {
    const member = path.length === 0 ? 'body' : String(path[0])
    if (!errors.has(member)) errors.set(member, message)
  }
  return Object.fromEntries(errors)
}

function overridesProblem(body: unknown, read: RegistrationRequest['overrides']): string | null {
  const sections = Object.values(read)
  if (sections.reduce((count, section) => count + 1 + Object.keys(section).length, 0) > MAX_OVERRIDES)
    return `there are more than ${MAX_OVERRIDES}`
  if (hasProto(Object(body).overrides)) return 'a name is __proto__'
  try {
    checkOverrides(read)
    return null
  } catch (error) {
    if (error instanceof FpkiError) return printable(error.message)
    throw error
  }
}

/** What a record leaves out without a word. */
function hasProto(sections: unknown): boolean {
  const has = (value: unknown) => Object.hasOwn(Object(value), '__proto__')
  return has(sections) || Object.values(Object(sections)).some(has)
}
