import { createPrivateKey } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Every form in which the content of the private keys at and below `path` might appear in a text. */
export async function secretForms(path: string): Promise<readonly string[]> {
  const names = (await readdir(path, { recursive: true })).filter((name) => name.endsWith('.key'))
  return (await Promise.all(names.map(async (name) => formsOf(await readFile(join(path, name), 'utf8'))))).flat()
}

/** Those of `secrets` that are in `text`, whatever their case. */
export function found(secrets: readonly string[], text: string): readonly string[] {
  const lower = text.toLowerCase()
  return secrets.filter((secret) => lower.includes(secret.toLowerCase()))
}

function formsOf(pem: string): readonly string[] {
  const { d = '' } = createPrivateKey(pem).export({ format: 'jwk' })
  const scalar = Buffer.from(d, 'base64url')
  const lines = pem.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))
  const hex = scalar.toString('hex')
  return [
    ...lines,
    hex,
    hex.replace(/..(?=.)/g, '$&:'),
    hex.replace(/..(?=.)/g, '$& '),
    scalar.toString('base64url'),
    [...scalar].join(','),
    [...scalar].join(', '),
    BigInt(`0x${hex}`).toString(),
    ...[0, 1, 2].map((offset) => base64Inside(scalar, offset)),
  ]
}

/** The part of base64 that does not depend on what surrounds the octets, which begin `offset` octets into a group. */
function base64Inside(octets: Buffer, offset: number): string {
  const padded = Buffer.concat([Buffer.alloc(offset), octets, Buffer.alloc(3)])
  return padded.toString('base64').slice(offset === 0 ? 0 : 4, 4 + 4 * Math.floor((octets.length - 4) / 3))
}
