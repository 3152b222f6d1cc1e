import type { RegistrationRequest } from '../../operations/registration/model.js'
import { readStrictJson } from './strict-json.js'

/** What a body asks for; or why it is refused, and which of its members are at fault. */
export type ReadRequest =
  | { readonly request: RegistrationRequest }
  | { readonly message: string; readonly errors: Readonly<Record<string, string>> }

type Members = Readonly<Record<string, unknown>>
type Overrides = RegistrationRequest['overrides']

/** Where the clients keep their files when they do not say it. */
const CONFIG_DIRECTORY = '/var/sota'

/** The longest text of each member; a body has at most 16 kB. */
const MAX_LENGTHS = { csr: 8192, uuid: 64, name: 256, 'hardware-id': 128, group: 128, 'sota-config-dir': 256 } as const

/**
 * Reads the body of a registration. lmp-device-register writes every value as a string; unknown members are ignored, as other
 * clients and later versions have some.
 */
export function readRequest(body: Uint8Array): ReadRequest {
  const json = readStrictJson(body)
  if ('problem' in json) return { message: json.problem, errors: {} }
  if (!isObject(json.value)) return { message: 'the body is not a JSON object', errors: {} }
  const errors: Record<string, string> = {}
  const members = json.value
  const text = (name: keyof typeof MAX_LENGTHS) => readText(members, name, errors)
  const request = {
    csr: text('csr'),
    uuid: text('uuid'),
    name: text('name'),
    hardwareId: text('hardware-id'),
    group: text('group'),
    usesOstree: readBoolean(members, 'use-ostree-server', errors),
    configDirectory: readDirectory(text('sota-config-dir'), errors),
    overrides: readOverrides(members['overrides'], errors),
  }
  const { csr } = request
  if (csr === null && errors['csr'] === undefined) errors['csr'] = 'it is missing'
  const [first] = Object.entries(errors)
  if (csr !== null && first === undefined) return { request: { ...request, csr } }
  return { message: `the request is not valid: ${first?.[0] ?? 'csr'}: ${first?.[1] ?? 'it is missing'}`, errors }
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Absent, null and empty are the same to the clients. */
function readText(members: Members, name: keyof typeof MAX_LENGTHS, errors: Record<string, string>): string | null {
  const value = members[name] ?? ''
  if (typeof value !== 'string') errors[name] = 'it is not a string'
  else if (value.length > MAX_LENGTHS[name]) errors[name] = `it is longer than ${MAX_LENGTHS[name]} characters`
  else if (name !== 'csr' && /\p{Cc}/u.test(value)) errors[name] = 'it contains a control character'
  else return value === '' ? null : value
  return null
}

function readBoolean(members: Members, name: string, errors: Record<string, string>): boolean {
  const value = members[name] ?? true
  if (value === true || value === 'true') return true
  if (value !== false && value !== 'false') errors[name] = 'it is neither true nor false'
  return false
}

function readDirectory(text: string | null, errors: Record<string, string>): string {
  if (text === null) return CONFIG_DIRECTORY
  const directory = text.replace(/\/+$/, '')
  if (!directory.startsWith('/')) errors['sota-config-dir'] = 'it is not an absolute path'
  return directory
}

/** Whether the values are TOML is decided with sota.toml. */
function readOverrides(value: unknown, errors: Record<string, string>): Overrides {
  const sections = Object.entries(isObject(value) ? value : {})
  const isValid = (entries: unknown): entries is Readonly<Record<string, string>> =>
    isObject(entries) && Object.values(entries).every((literal) => typeof literal === 'string')
  if ((value ?? null) !== null && !isObject(value)) errors['overrides'] = 'it is not an object'
  const wrong = sections.find(([, entries]) => !isValid(entries))
  if (wrong !== undefined) errors['overrides'] = 'each section must be an object whose values are strings'
  return Object.fromEntries(sections.filter((section): section is [string, Overrides[string]] => isValid(section[1])))
}
