import * as z from 'zod/mini'
import { whyClosed } from '../../../devices/quota.js'
import type { Refusal } from '../../../devices/refusal.js'
import type { Line } from '../../../devices/register.js'
import { jsonDocument } from '../../../json-document.js'
import { caNames } from '../ca-names.js'
import type { RegisterChoice } from '../open-register.js'
import { type QueryPorts, reading } from '../query/read-register.js'
import { describeLine, lineFacts } from './line-facts.js'
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
  /** Whether it would issue a device now. */
  issues: z.boolean(),
  /** Why not; null: it would. */
  refusal: z.nullable(z.strictObject({ code: z.string(), reason: z.string() })),
})

/** See {@link showLineResult}. */
export type ShowLineResult = z.infer<typeof showLineResult>

/** The lines of a device register. Nothing is changed. Throws ERR_NOT_A_DIRECTORY, ERR_NOT_INITIALIZED without a register. */
export function listLines(choice: RegisterChoice, ports: QueryPorts): Promise<ListLinesResult> {
  return reading(choice, ports, async ({ directory, register }) => {
    const names = await caNames(directory)
    return { directory: directory.path, lines: (await register.lines.list()).map((line) => describeLine(line, names)) }
  })
}

/** A line, and whether it would issue now. Nothing is changed. Throws as {@link listLines}, and ERR_LINE. */
export function showLine(
  choice: RegisterChoice & { readonly name: string },
  ports: QueryPorts,
): Promise<ShowLineResult> {
  return reading(choice, ports, async ({ directory, register }) => {
    const line = await requireLine(register, choice)
    const now = ports.clock().getTime()
    const issuedToday = line.day === Math.floor(now / DAY) ? line.issuedOnDay : 0
    const leftToday = line.perDay === null ? null : Math.max(0, line.perDay - issuedToday)
    const refusal = whyClosed(line, now) ?? whyNoMore(line, leftToday)
    const described = describeLine(line, await caNames(directory))
    return { directory: directory.path, line: described, issuedToday, leftToday, issues: refusal === null, refusal }
  })
}

const DAY = 86_400_000

function whyNoMore({ name, quota, perDay, issued }: Line, leftToday: number | null): Refusal | null {
  if (quota !== null && issued >= quota)
    return { code: 'quota', reason: `the line ${name} has issued all ${quota} of its devices` }
  if (leftToday !== 0) return null
  return { code: 'daily-quota', reason: `the line ${name} has issued all ${perDay} devices of today (UTC)` }
}
