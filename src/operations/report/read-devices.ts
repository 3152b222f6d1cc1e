import { loggedRegisterIfReadable } from '../../audit-log/logged-register.js'
import { monthOf } from '../../day.js'
import type { RegisterPorts } from '../../devices/open.js'
import type { DayCount, DeviceRegister, RegisterHead } from '../../devices/register.js'
import { ageFindings, unreadableFindings } from '../audit/verify/devices.js'
import type { Finding } from '../audit/verify/finding.js'
import { openRegisterToRead, type RegisterChoice } from '../devices/open-register.js'
import { registerAgeProblem } from '../devices/register-age.js'
import type { HierarchyLine } from '../show/hierarchy.js'
import type { ReportDevices } from './model.js'

/** What a device register has, and what is wrong with it. */
interface ReadDevices {
  readonly devices: ReportDevices | null
  readonly findings: readonly Finding[]
}

/** Counts the devices of a register. Reads each of them once, and none into memory; `ca verify` checks the database. */
export async function readDevices(choice: RegisterChoice, ports: RegisterPorts): Promise<ReadDevices> {
  try {
    // First, because a batch that runs meanwhile adds to both.
    const logged = await loggedRegisterIfReadable({ files: ports.files, path: choice.directory })
    const register = await openRegisterToRead(choice, ports)
    if (register === null) return { devices: null, findings: ageFindings(registerAgeProblem(null, logged)) }
    try {
      const head = await register.head()
      return { devices: await devicesOf(register, head), findings: ageFindings(registerAgeProblem(head, logged)) }
    } finally {
      await register.close()
    }
  } catch (error) {
    return { devices: null, findings: unreadableFindings(error) }
  }
}

/** The lines of a register, each with its devices; empty when it cannot be read. */
export async function readLines(choice: RegisterChoice, ports: RegisterPorts): Promise<readonly HierarchyLine[]> {
  return (await readDevices(choice, ports)).devices?.lines ?? []
}

async function devicesOf(register: DeviceRegister, { certificates }: RegisterHead): Promise<ReportDevices> {
  const days = await register.countByDay()
  const lines = await register.lines.list()
  return {
    ...sum(days),
    certificates,
    lines: lines.map(({ name, state, ca }) => ({ name, state, ca, ...sum(days.filter(({ line }) => line === name)) })),
    months: monthsOf(days),
  }
}

function monthsOf(days: readonly DayCount[]): ReportDevices['months'] {
  const months = new Map<string, DayCount[]>()
  for (const count of days) {
    const key = JSON.stringify([count.line, monthOf(count.day)])
    months.set(key, [...(months.get(key) ?? []), count])
  }
  return [...months.values()].map((counts) => {
    const { line = '', day = 0 } = counts[0] ?? {}
    return { line, month: monthOf(day), ...sum(counts) }
  })
}

function sum(counts: readonly DayCount[]) {
  return {
    devices: counts.reduce((total, { devices }) => total + devices, 0),
    production: counts.reduce((total, { production }) => total + production, 0),
  }
}
