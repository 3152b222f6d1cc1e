import { csvText, safeCell } from '../../../csv.js'
import { encodePem } from '../../../pki/pem.js'
import { archiveBody, TAR_END } from '../../../storage/archive.js'
import type { IssuedDevice } from '../model.js'
import { DEVICE_COLUMNS, deviceRow } from './rows.js'
import type { DeviceFileSettings, OutputFormat } from './settings.js'
import { deviceFiles } from './sota-files.js'

/** A format that is a stream of octets. */
export interface StreamFormat {
  readonly head: string
  rows(devices: readonly IssuedDevice[]): Promise<Uint8Array>
  readonly tail: Uint8Array
}

const NOTHING = new Uint8Array()

/** JSON, one object a line. */
const jsonl: StreamFormat = {
  head: '',
  rows: async (devices) => Buffer.from(devices.map((device) => `${JSON.stringify(deviceRow(device))}\n`).join('')),
  tail: NOTHING,
}

/** RFC 4180. A certificate begins with `-`, and is left as it is: it is the only cell that no outsider wrote. */
const csv: StreamFormat = {
  head: csvText([DEVICE_COLUMNS]),
  rows: async (devices) => Buffer.from(csvText(devices.map(csvRow))),
  tail: NOTHING,
}

function csvRow(device: IssuedDevice): readonly string[] {
  const { uuid, name, group, 'hardware-id': hardwareId, serial, production, ...rest } = deviceRow(device)
  return [uuid, ...[name, group, hardwareId, serial].map(safeCell), String(production), ...Object.values(rest)]
}

const pem: StreamFormat = {
  head: '',
  rows: async (devices) => Buffer.from(devices.map(({ der }) => encodePem('CERTIFICATE', der)).join('')),
  tail: NOTHING,
}

/** The folders of `sota` without keys. Each chunk is an archive whose end is left out, so nothing waits in memory. */
function tar(settings: DeviceFileSettings): StreamFormat {
  const filesOf = deviceFiles(settings)
  return {
    head: '',
    rows: async (devices) => {
      const entries = devices.flatMap((device) => [
        { path: device.uuid, kind: 'directory' as const, mode: 0o700, content: NOTHING },
        ...filesOf(device).map(({ name, content, mode }) => ({
          ...{ path: `${device.uuid}/${name}`, kind: 'file' as const, mode },
          content: Buffer.from(content),
        })),
      ])
      const newest = devices.reduce((time, { issuedAt }) => Math.max(time, issuedAt), 0)
      return archiveBody(entries, new Date(newest))
    },
    tail: TAR_END,
  }
}

/** The format of that name. */
export function streamFormat(format: Exclude<OutputFormat, 'sota'>, settings: DeviceFileSettings): StreamFormat {
  return format === 'tar' ? tar(settings) : { jsonl, csv, pem }[format]
}
