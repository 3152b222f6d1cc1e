import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import * as z from 'zod/mini'

/** One call of fioctl to its Factory API, as it was recorded. */
const call = z.object({
  method: z.string(),
  request: z.nullable(z.record(z.string(), z.unknown())),
  response: z.record(z.string(), z.unknown()),
})

type Call = z.infer<typeof call>

/** The text of a file that fioctl made. */
export function fioctlFile(name: string, from: 'file' | 'hsm' = 'file'): Promise<string> {
  return readFile(fileURLToPath(new URL(`../../fixtures/fioctl/${from}/pki/${name}`, import.meta.url)), 'utf8')
}

/** All PEM requests that fioctl was given for `member` (`tls-csr`, for instance), in their order. */
export async function fioctlCsrs(member: string): Promise<readonly string[]> {
  const calls = await transcript()
  return textsOf(
    calls.filter(({ method }) => method === 'POST'),
    ({ response }) => response[member],
  )
}

/** All PEM texts that fioctl uploaded as `member`, in their order; `hsm`: with the root key in a token. */
export async function fioctlUploads(member: string, from: 'file' | 'hsm' = 'file'): Promise<readonly string[]> {
  const calls = await transcript(from)
  return textsOf(
    calls.filter(({ method }) => method === 'PATCH'),
    ({ request }) => request?.[member],
  )
}

async function transcript(from: 'file' | 'hsm' = 'file'): Promise<readonly Call[]> {
  const path = fileURLToPath(new URL(`../../fixtures/fioctl/${from}/transcript.jsonl`, import.meta.url))
  const lines = (await readFile(path, 'utf8')).trim().split('\n')
  return lines.map((line) => call.parse(JSON.parse(line)))
}

function textsOf(calls: readonly Call[], member: (call: Call) => unknown): readonly string[] {
  return calls.map(member).filter((value) => typeof value === 'string')
}
