import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod/mini'
import type { CsrKind } from '../../src/factory/api.js'

/** The two PKIs that fioctl has made, with the root key in a file and in a token, and what it said to its Factory API. */
export const FIOCTL_PKIS = ['file', 'hsm'] as const
export type FioctlPki = (typeof FIOCTL_PKIS)[number]

/** The user whose local-ca's fioctl made. */
export const FIOCTL_USER = '5f0e1c2d'

const member = z.record(z.string(), z.unknown())
const exchange = z.object({
  method: z.string(),
  path: z.string(),
  request: z.nullable(member),
  status: z.number(),
  response: member,
})

/** One request of fioctl's, and what it was answered. */
export type Exchange = z.infer<typeof exchange>

/** A part of the fixture. */
export function fioctlPath(pki: FioctlPki, name: string): string {
  return fileURLToPath(new URL(`../fixtures/fioctl/${pki}/${name}`, import.meta.url))
}

/** The whole conversation, in its order. */
export function transcript(pki: FioctlPki): readonly Exchange[] {
  const lines = readFileSync(fioctlPath(pki, 'transcript.jsonl'), 'utf8').trim().split('\n')
  return lines.map((line) => exchange.parse(JSON.parse(line)))
}

/** The request of each kind that an answer has, by its name there. */
const KINDS: Readonly<Record<string, { readonly kind: CsrKind; readonly names: readonly string[] }>> = {
  'tls-csr': { kind: 'tls', names: ['repo.ota-lite.example', 'repo.ostree.example'] },
  'est-tls-csr': { kind: 'estTls', names: ['repo.est.example'] },
  'ca-csr': { kind: 'ca', names: [] },
}

/** A request as the embedded factory's state file has it. */
export interface StoredCsr {
  readonly kind: CsrKind
  readonly generation: number
  readonly names: readonly string[]
  readonly csr: string
  readonly answered: boolean
}

/** The requests of an answer, behind `earlier`, as the embedded factory would have stored them. */
export function withCsrs(earlier: readonly StoredCsr[], response: Exchange['response']): readonly StoredCsr[] {
  const added = Object.entries(response).flatMap(([name, csr]) => {
    const { kind, names } = KINDS[name] ?? {}
    if (kind === undefined || names === undefined || typeof csr !== 'string') return []
    const generation = earlier.filter((stored) => stored.kind === kind).length + 1
    return [{ kind, generation, names, csr, answered: false }]
  })
  return [...earlier, ...added]
}

/** The embedded factory's state file when it has had this conversation. */
export function stateAfter(exchanges: readonly Exchange[]): unknown {
  const posts = exchanges.filter(({ method, status }) => method === 'POST' && status === 201)
  const csrs = posts.reduce((all: readonly StoredCsr[], { response }) => withCsrs(all, response), [])
  const last = exchanges.findLast(({ response }) => 'root-crt' in response)?.response ?? {}
  const meta = member.parse(last['change-meta'])
  return {
    version: 1,
    factory: 'acme',
    userId: FIOCTL_USER,
    csrs: csrs.map((stored) => ({ ...stored, answered: true })),
    certificates: {
      rootCrt: last['root-crt'],
      tlsCrt: last['tls-crt'],
      caCrt: last['ca-crt'],
      estTlsCrt: last['est-tls-crt'],
      caRevokeCrl: last['ca-revoke-crl'],
      disabledCaSerials: last['disabled-ca-serials'],
      changeMeta: {
        createdBy: meta['created-by'],
        createdAt: meta['created-at'],
        updatedBy: meta['updated-by'],
        updatedAt: meta['updated-at'],
      },
    },
  }
}
