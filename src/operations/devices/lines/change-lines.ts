import * as z from 'zod/mini'
import { defaultLineStays, lineExists } from '../../../devices/line-errors.js'
import { checkLineName } from '../../../devices/lines.js'
import { DEFAULT_LINE, type DeviceRegister, type Line, type LineState } from '../../../devices/register.js'
import { jsonDocument } from '../../../json-document.js'
import { type OpenPki, openPki } from '../../open-pki.js'
import { caNames } from '../ca-names.js'
import { openRegisterUnlessLost, type RegisterChoice, requireRegister } from '../open-register.js'
import { changeRegister, type LinePorts, type RegisterChange, requireToWrite } from './change-register.js'
import { describeLine, lineFacts } from './line-facts.js'
import { type LineOptions, lineSettings, NEW_LINE } from './line-settings.js'
import { requireLine, requireOpenLine } from './require-line.js'
import { settingsText } from './settings-text.js'

/** What `fpki lines create --json`, and change, pause, resume and close, print. */
export const changeLineResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  line: lineFacts,
  /** false: it was so already. */
  changed: z.boolean(),
})

/** See {@link changeLineResult}. */
export type ChangeLineResult = z.infer<typeof changeLineResult>

/** A line of a device register. */
export interface LineChoice extends RegisterChoice {
  /** null: the factory that the directory records. */
  readonly factory: string | null
  readonly name: string
}

/**
 * Creates a line, and the register if it does not exist yet. Recorded in the audit log.
 *
 * @throws FpkiError ERR_EXISTS when there is one of that name; ERR_USAGE for invalid settings; as openPki, and for the CA
 *   ERR_BAD_FILE, ERR_BAD_CERTIFICATE, ERR_NOT_A_DEVICE_CA, ERR_CLOCK
 */
export async function createLine(options: LineChoice & LineOptions, ports: LinePorts): Promise<ChangeLineResult> {
  const pki = await openPki(ports.files, options.directory, options.factory)
  const settings = await lineSettings(pki, NEW_LINE, options, ports.clock())
  const { name } = options
  checkLineName(name)
  return changing(
    pki,
    { ...options, command: 'lines create', open: openRegisterUnlessLost },
    ports,
    async (register, log) => {
      if ((await register.lines.get(name)) !== null) throw lineExists(name, options.directory)
      await log(`Creates the line ${name}: ${settingsText(settings)}`)
      return { line: await register.lines.create(name, settings, ports.clock().getTime()), changed: true }
    },
  )
}

/**
 * Changes the given settings of a line; the others stay. Recorded in the audit log.
 *
 * @throws FpkiError ERR_LINE when there is no such line, or it is closed; ERR_NOT_INITIALIZED without a register; otherwise
 *   as {@link createLine}
 */
export async function changeLine(options: LineChoice & LineOptions, ports: LinePorts): Promise<ChangeLineResult> {
  const pki = await openPki(ports.files, options.directory, options.factory)
  return changing(pki, { ...options, command: 'lines change', open: requireToWrite }, ports, async (register, log) => {
    const line = await requireOpenLine(register, options)
    const settings = await lineSettings(pki, line, options, ports.clock())
    const [before, after] = [settingsText(line), settingsText(settings)]
    if (before === after) return { line, changed: false }
    await log(`Changes the line ${line.name}: ${after}; before: ${before}`)
    return { line: await register.lines.change(line.name, settings), changed: true }
  })
}

/** The states that a line is set to, and the commands that do it. */
const COMMANDS = { paused: 'lines pause', open: 'lines resume', closed: 'lines close' } as const satisfies Record<
  LineState,
  string
>

/**
 * Pauses a line, resumes it, or closes it for ever; does nothing when it is in that state already. Recorded in the audit log.
 *
 * @throws FpkiError ERR_LINE when there is no such line, or it is closed, or the line `default` would be closed;
 *   ERR_NOT_INITIALIZED without a register; as openPki
 */
export async function setLineState(
  options: LineChoice & { readonly state: LineState },
  ports: LinePorts & { confirm?(line: Line): Promise<void> },
): Promise<ChangeLineResult> {
  const { state, name } = options
  const pki = await openPki(ports.files, options.directory, options.factory)
  const command = COMMANDS[state]
  // Before a question is asked, which may take long: the directory is not locked meanwhile.
  if (state === 'closed') await confirmClosing(options, ports)
  return changing(pki, { ...options, command, open: requireToWrite }, ports, async (register, log) => {
    const line = await requireLine(register, options)
    if (line.state === state) return { line, changed: false }
    await requireOpenLine(register, options)
    await log(`The line ${name} is ${state}; before: ${line.state}`)
    return { line: await register.lines.change(name, { state }), changed: true }
  })
}

async function confirmClosing(options: LineChoice, ports: LinePorts & { confirm?(line: Line): Promise<void> }) {
  if (options.name === DEFAULT_LINE) throw defaultLineStays(options.directory)
  const register = await requireRegister(options, ports)
  try {
    const line = await requireLine(register, options)
    if (line.state !== 'closed') await ports.confirm?.(line)
  } finally {
    await register.close()
  }
}

async function changing(
  pki: OpenPki,
  choice: LineChoice & RegisterChange,
  ports: LinePorts,
  change: (
    register: DeviceRegister,
    log: (text: string) => Promise<void>,
  ) => Promise<{ readonly line: Line; readonly changed: boolean }>,
): Promise<ChangeLineResult> {
  const { line, changed } = await changeRegister(pki, choice, ports, change)
  const { directory } = pki
  const described = describeLine(line, await caNames(directory), ports.clock().getTime())
  return { directory: directory.path, line: described, changed }
}
