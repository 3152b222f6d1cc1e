import * as z from 'zod/mini'
import { PKI_FILES } from '../directory/names.js'
import { jsonDocument } from '../json-document.js'
import { certificateFacts, describeCertificate } from '../pki/describe.js'
import { samePem } from '../pki/pem.js'
import { TLS_SERVER } from '../pki/profiles.js'
import { readPemCertificate } from '../pki/read-certificate.js'
import { type Change, type ChangePorts, changePki } from './change-pki.js'
import { fact } from './run-steps.js'
import { requireText, signCsr } from './workplace.js'

/** What `fpki ca rotate-tls --json` and `fpki est authorize --json` print. */
export const serverCertified = jsonDocument({
  factory: z.string(),
  /** Which Factory API has taken it. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** The file that has it. */
  file: z.string(),
  /** The name beside it under which the earlier one is kept; null: there was none, or an interrupted run kept it. */
  keptAs: z.nullable(z.string()),
  certificate: certificateFacts,
  /** An interrupted run was brought to its end. */
  resumed: z.boolean(),
  warnings: z.array(z.string()),
})

/** See {@link serverCertified}. */
export type ServerCertified = z.infer<typeof serverCertified>

/** The servers whose keys the Factory API makes and keeps: what each is called, here and there. */
const SERVERS = {
  tls: { command: 'ca rotate-tls', file: PKI_FILES.tlsCertificate, what: 'tls-csr', member: 'tlsCrt' },
  estTls: { command: 'est authorize', file: PKI_FILES.estTlsCertificate, what: 'est-tls-csr', member: 'estTlsCrt' },
} as const

/** What a server's certificate is asked for with. */
export interface CertifyServerOptions {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  readonly factory: string
  /** As given to the embedded Factory API; recorded, so that a second run is held to the same. */
  readonly tlsNames: readonly string[]
}

/** A new key and certificate for the device gateway: `ca rotate-tls`. See {@link certifyServer}. */
export function rotateTls(options: CertifyServerOptions, ports: ChangePorts): Promise<ServerCertified> {
  return certifyServer('tls', options, ports)
}

/** A new key and certificate for the EST server: `est authorize`. See {@link certifyServer}. */
export function authorizeEst(options: CertifyServerOptions, ports: ChangePorts): Promise<ServerCertified> {
  return certifyServer('estTls', options, ports)
}

/**
 * Has the Factory API make a new key for a server, and signs its request: `ca rotate-tls` (the device gateway) and
 * `est authorize` (contract.md 3 and 4).
 *
 * @throws FpkiError as {@link changePki}; ERR_BAD_CSR when the request may not be signed
 */
async function certifyServer(
  kind: keyof typeof SERVERS,
  { directory, factory, tlsNames }: CertifyServerOptions,
  ports: ChangePorts,
): Promise<ServerCertified> {
  const { command, file, what, member } = SERVERS[kind]
  let keptAs: string | null = null
  const change: Change = {
    command,
    arguments: { '--factory': factory, '--tls-name': tlsNames.join(' ') },
    prepare: [
      {
        name: 'csr',
        says: 'Asking the Factory API for a new key and its request',
        run: async ({ api }) => {
          const csrs = await api.requestCsrs({ firstTimeInit: false, kinds: [kind] })
          return { csr: csrs[kind] ?? '' }
        },
      },
      {
        name: 'certificate',
        says: `Signing ${file}`,
        run: (work, facts, interrupted) =>
          signCsr(work, { file, profile: TLS_SERVER, what, csr: fact(facts, 'csr') }, interrupted),
      },
    ],
    update: async ({ made }) => ({ [member]: await requireText(made, file) }),
    isTaken: (known, update) => samePem(known[member], update[member]),
    finish: async (work) => {
      keptAs = await work.directory.publish(file, 'earlier')
      return undefined
    },
  }
  const { pki, resumed, warnings } = await changePki({ directory, factory }, change, ports)
  const certificate = readPemCertificate(await requireText(pki.directory, file), file)
  const facts = describeCertificate(certificate, pki.root, ports.clock())
  return { factory, api: ports.api.name, directory, file, keptAs, certificate: facts, resumed, warnings: [...warnings] }
}
