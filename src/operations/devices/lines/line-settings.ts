import { DEFAULT_REISSUE_WINDOW, type LineSettings } from '../../../devices/register.js'
import { FpkiError, type FpkiOption } from '../../../errors.js'
import { printable } from '../../../printable.js'
import type { OpenPki } from '../../open-pki.js'
import { findDeviceIssuer } from '../open-issuer.js'

/** What a line may do; absent: the default, or what it was; null: no limit. */
export interface LineOptions {
  /** The certificate file of a device CA in the directory, such as site-b.pem; null: local-ca. */
  readonly ca?: string | null | undefined
  /** Devices in all. */
  readonly quota?: number | null | undefined
  /** Devices per day (UTC). */
  readonly perDay?: number | null | undefined
  /** Issues from this time on, */
  readonly from?: Date | null | undefined
  /** and before this one. */
  readonly until?: Date | null | undefined
  readonly hardwareIds?: readonly string[] | null | undefined
  readonly production?: boolean | undefined
  /** The group of its devices. */
  readonly group?: string | null | undefined
  /** For how many seconds after its first certificate a device may get another one for another key. */
  readonly reissueWindowSeconds?: number | undefined
}

/** A line without limits, for test devices only. */
export const NEW_LINE: LineSettings = {
  ...{ ca: null, quota: null, perDay: null, from: null, until: null, hardwareIds: null, group: null },
  allowsProduction: false,
  reissueWindow: DEFAULT_REISSUE_WINDOW,
}

const MAX_COUNT = 1_000_000_000
const MAX_WINDOW = 365 * 86_400
const MAX_TEXT = 128

/**
 * The settings of a line after `options`. The CA has to be one that can sign now: a typing error would be noticed at the
 * plant otherwise. Throws ERR_USAGE, and as findDeviceIssuer.
 */
export async function lineSettings(
  pki: OpenPki,
  before: LineSettings,
  options: LineOptions,
  now: Date,
): Promise<LineSettings> {
  const settings: LineSettings = {
    ca: options.ca === undefined ? before.ca : await fingerprintOf(pki, options.ca, now),
    quota: checkedCount(options.quota, before.quota, 'quota'),
    perDay: checkedCount(options.perDay, before.perDay, 'perDay'),
    from: options.from === undefined ? before.from : (options.from?.getTime() ?? null),
    until: options.until === undefined ? before.until : (options.until?.getTime() ?? null),
    hardwareIds: options.hardwareIds === undefined ? before.hardwareIds : checkedHardwareIds(options.hardwareIds),
    allowsProduction: options.production ?? before.allowsProduction,
    group: checkedText(options.group, before.group, 'group'),
    reissueWindow: checkedWindow(options.reissueWindowSeconds, before.reissueWindow),
  }
  if (settings.from === null || settings.until === null || settings.from < settings.until) return settings
  throw invalid('until', 'The line would end before it begins.', 'Give an end that is later than the beginning.')
}

async function fingerprintOf(pki: OpenPki, file: string | null, now: Date): Promise<string | null> {
  return file === null ? null : (await findDeviceIssuer(pki, { file, bound: null }, now)).fingerprint
}

function checkedCount(value: number | null | undefined, before: number | null, option: 'quota' | 'perDay') {
  if (value === undefined || value === null) return value === undefined ? before : null
  if (Number.isInteger(value) && value >= 1 && value <= MAX_COUNT) return value
  throw invalid(option, `Invalid number of devices: ${value}.`, `Give a number from 1 to ${MAX_COUNT}, or no limit.`)
}

function checkedHardwareIds(values: readonly string[] | null): readonly string[] | null {
  if (values === null) return null
  const ids = [...new Set(values.map((value) => checkedText(value, null, 'hardwareIds') ?? ''))]
  if (ids.length > 0) return ids
  throw invalid('hardwareIds', 'No hardware ID given.', 'Give at least one, or no limit.')
}

function checkedText(value: string | null | undefined, before: string | null, option: 'group' | 'hardwareIds') {
  if (value === undefined || value === null) return value === undefined ? before : null
  if (value.trim() === value && value !== '' && value.length <= MAX_TEXT && printable(value) === value) return value
  const what = option === 'group' ? 'group' : 'hardware ID'
  throw invalid(option, `Invalid ${what}: ${JSON.stringify(value)}.`, `Use 1 to ${MAX_TEXT} printable characters.`)
}

function checkedWindow(seconds: number | undefined, before: number): number {
  if (seconds === undefined) return before
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_WINDOW) return seconds * 1000
  throw invalid('reissueWindow', `Invalid reissue window: ${seconds} seconds.`, 'Give 0 to 365 days.')
}

function invalid(option: FpkiOption, message: string, hint: string): FpkiError {
  return new FpkiError('ERR_USAGE', message, hint, { option })
}
