import type { StreamedFile } from '../../../ports.js'
import type { ByteSink } from '../../../storage/sinks.js'
import type { DeviceOutput } from '../model.js'
import type { StreamFormat } from './formats.js'

/** An output in a file, which gets its name when it is complete. */
export async function fileOutput(file: StreamedFile, format: StreamFormat): Promise<DeviceOutput> {
  try {
    return await streamOutput(file, format, file)
  } catch (error) {
    await file.stop().catch(() => undefined)
    throw error
  }
}

/** An output on stdout. Stopping it leaves what was written there. */
export function stdoutOutput(stdout: ByteSink, format: StreamFormat): Promise<DeviceOutput> {
  const nothing = async () => undefined
  return streamOutput(stdout, format, { finish: nothing, stop: nothing })
}

async function streamOutput(
  sink: ByteSink,
  { head, rows, tail }: StreamFormat,
  { finish, stop }: Pick<StreamedFile, 'finish' | 'stop'>,
): Promise<DeviceOutput> {
  if (head !== '') await sink.write(Buffer.from(head))
  return {
    keys: null,
    write: async (devices) => {
      if (devices.length > 0) await sink.write(await rows(devices))
    },
    finish: async () => {
      if (tail.length > 0) await sink.write(tail)
      await finish()
    },
    stop,
  }
}
