import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Home } from './cli.js'

/** What the embedded factory acme has for certificates in its state file; null when there is neither. */
export async function certificatesInState({ state }: Home): Promise<Record<string, unknown> | null> {
  try {
    const text = await readFile(join(state, 'factories', 'acme', 'factory.json'), 'utf8')
    return JSON.parse(text).certificates
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
