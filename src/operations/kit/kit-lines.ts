import { remainingQuota } from '../../devices/line-limits.js'
import { DEFAULT_LINE, type DeviceRegister, type Line } from '../../devices/register.js'
import { PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { shellWord } from '../../shell-word.js'
import type { DeviceIssuer } from '../devices/open-issuer.js'

/**
 * The lines that go into a kit: the named ones, or all open lines of its CA. A paused line may be in another kit already,
 * so that its quota would count twice.
 *
 * @param names null: all open lines
 * @throws FpkiError ERR_USAGE when there is no such line, it is of another CA, or it is not open
 */
export async function linesForKit(
  register: DeviceRegister | null,
  {
    issuer,
    names,
    directory,
  }: { readonly issuer: DeviceIssuer; readonly names: readonly string[] | null; readonly directory: string },
): Promise<readonly Line[]> {
  const all = (await register?.lines.list()) ?? []
  const bound = all.filter((line) => isOfCa(line, issuer))
  if (names === null) return bound.filter(({ state }) => state === 'open')
  return [...new Set(names)].map((name) => {
    const line = bound.find((one) => one.name === name)
    if (line?.state === 'open') return line
    throw line === undefined ? notOfCa(name, issuer) : notOpen(line, directory)
  })
}

/** Makes the lines of a kit in its new register. */
export async function createKitLines(
  register: DeviceRegister,
  lines: readonly Line[],
  ca: string,
  at: number,
): Promise<void> {
  for (const line of lines) {
    const { perDay, from, until, hardwareIds, allowsProduction, group, reissueWindow } = line
    const limits = { quota: remainingQuota(line), perDay, from, until, hardwareIds }
    await register.lines.create(line.name, { ca, ...limits, allowsProduction, group, reissueWindow }, at)
  }
  // It has no quota, so it would make those of the others void.
  if (lines.length > 0) await register.lines.change(DEFAULT_LINE, { state: 'paused' })
}

/** So that no quota counts twice: from now on only the kit issues with these lines. */
export async function pauseLines(register: DeviceRegister | null, lines: readonly Pick<Line, 'name'>[]): Promise<void> {
  for (const { name } of lines) await register?.lines.change(name, { state: 'paused' })
}

function isOfCa({ name, ca }: Line, { fingerprint, file }: DeviceIssuer): boolean {
  if (name === DEFAULT_LINE) return false
  return ca === null ? file === PKI_FILES.localCaCertificate : ca === fingerprint
}

function notOfCa(name: string, { file }: DeviceIssuer): FpkiError {
  const hint = 'Nothing was exported. Name a line that issues with this CA, or leave it out for all of them.'
  return new FpkiError('ERR_USAGE', `${file} has no line ${JSON.stringify(name)}.`, hint, { option: 'line' })
}

function notOpen({ name, state }: Line, directory: string): FpkiError {
  const hint =
    state === 'closed'
      ? 'Nothing was exported. A closed line stays closed.'
      : `Nothing was exported. If no other kit has the line, resume it: \`fpki lines resume ${shellWord(directory)} ${name}\`.`
  return new FpkiError('ERR_USAGE', `The line ${name} is ${state}.`, hint, { option: 'line' })
}
