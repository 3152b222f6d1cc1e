import * as z from 'zod/mini'
import { isValidStation } from '../../../devices/credential-store.js'
import { quotaLeft, whyClosed } from '../../../devices/line-limits.js'
import type { DeviceRegister } from '../../../devices/register.js'
import { jsonDocument } from '../../../json-document.js'
import { caNames } from '../ca-names.js'
import type { RegisterChoice } from '../open-register.js'
import { type QueryPorts, readRegister } from '../query/read-register.js'
import { describeLine, lineFacts } from './line-facts.js'
import { registersNewDevices } from './line-tokens.js'
import { requireLine } from './require-line.js'

/** What `fpki lines list --json` prints. */
export const listLinesResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** By name. */
  lines: z.array(lineFacts),
})

/** See {@link listLinesResult}. */
export type ListLinesResult = z.infer<typeof listLinesResult>

/** What `fpki lines show --json` prints. */
export const showLineResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  line: lineFacts,
  /** How many devices were issued today (UTC). */
  issuedToday: z.int(),
  /** How many more it issues today; null: no limit. */
  leftToday: z.nullable(z.int()),
  /** How many of its tokens and stations are valid: neither expired nor revoked, and not used up. */
  tokens: z.int(),
  stations: z.int(),
  /** Whether it would issue a device now. */
  issues: z.boolean(),
  /** Why not; null: it would. */
  refusal: z.nullable(z.strictObject({ code: z.string(), reason: z.string() })),
})

/** See {@link showLineResult}. */
export type ShowLineResult = z.infer<typeof showLineResult>

/** The lines of a device register. Nothing is changed. Throws ERR_NOT_A_DIRECTORY, ERR_NOT_INITIALIZED without a register. */
export function listLines(choice: RegisterChoice, ports: QueryPorts): Promise<ListLinesResult> {
  return readRegister(choice, ports, async ({ directory, register }) => {
    const names = await caNames(directory)
    const now = ports.clock().getTime()
    const lines = (await register.lines.list()).map((line) => describeLine(line, names, now))
    return { directory: directory.path, lines }
  })
}

/** A line, and whether it would issue now. Nothing is changed. Throws as {@link listLines}, and ERR_LINE. */
export function showLine(
  choice: RegisterChoice & { readonly name: string },
  ports: QueryPorts,
): Promise<ShowLineResult> {
  return readRegister(choice, ports, async ({ directory, register }) => {
    const line = await requireLine(register, choice)
    const now = ports.clock().getTime()
    const left = quotaLeft(line, now)
    const refusal = whyClosed(line, now) ?? (left.count === 0 ? left.refusal : null)
    const described = describeLine(line, await caNames(directory), now)
    const today = { issuedToday: left.issuedToday, leftToday: left.today }
    const valid = await countCredentials(register, line.name, ports.clock())
    return { directory: directory.path, line: described, ...today, ...valid, issues: refusal === null, refusal }
  })
}

async function countCredentials({ credentials }: DeviceRegister, line: string, now: Date) {
  const [tokens, stations] = [await credentials.tokens(line), await credentials.stations(line)]
  return {
    tokens: tokens.filter((token) => registersNewDevices(token, now)).length,
    stations: stations.filter((station) => isValidStation(station, now)).length,
  }
}
