import * as z from 'zod/mini'
import { PKI_FILES } from '../../directory/names.js'
import { steps } from '../../journal/steps.js'
import { jsonDocument } from '../../json-document.js'
import { checkClock } from '../../pki/clock.js'
import { type CertificateFacts, certificateFacts, describeCertificate } from '../../pki/describe.js'
import { samePem } from '../../pki/pem.js'
import { TLS_SERVER } from '../../pki/profiles.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { Change, ChangePorts, ChangeWork } from '../device-cas/change.js'
import { changePki, isInterrupted } from '../device-cas/change-pki.js'
import { certificatesInApi, openPkiOfRoot } from '../open-pki.js'
import { requireText, signCsr } from '../signing/certificate-files.js'

/** What `fpki ca rotate-tls --json` and `fpki est authorize --json` print. */
export const certifyServerResult = jsonDocument({
  factory: z.string(),
  /** The Factory API that has accepted it. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** Its file in the directory. */
  file: z.string(),
  /** The name of the replaced file; null: there was none, or an interrupted run already renamed it. */
  keptAs: z.nullable(z.string()),
  /** The new certificate; if it was not due, the one in use. */
  certificate: certificateFacts,
  /** false: because of `--if-expiring`, the certificate in use was not replaced. */
  due: z.boolean(),
  /** An interrupted run was resumed. */
  resumed: z.boolean(),
  warnings: z.array(z.string()),
})

/** See {@link certifyServerResult}. */
export type CertifyServerResult = z.infer<typeof certifyServerResult>

/** The servers whose keys the Factory API generates and keeps. */
const SERVERS = {
  tls: { command: 'ca rotate-tls', file: PKI_FILES.tlsCertificate, what: 'tls-csr', member: 'tlsCrt' },
  estTls: { command: 'est authorize', file: PKI_FILES.estTlsCertificate, what: 'est-tls-csr', member: 'estTlsCrt' },
} as const

type ServerCommand = (typeof SERVERS)[keyof typeof SERVERS]['command']

/** Options of {@link rotateTls} and {@link authorizeEst}. */
export interface CertifyServerOptions {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  readonly factory: string
  /** The names passed to the embedded Factory API; recorded, so that a resumed run must use the same. */
  readonly tlsNames: readonly string[]
  /** Replace it only if it has fewer whole days left, or lacks one of `tlsNames`; absent: always. */
  readonly ifExpiring?: number | undefined
}

/** A new key and certificate for the device gateway: `ca rotate-tls`. See {@link certifyServer}. */
export function rotateTls(options: CertifyServerOptions, ports: ChangePorts): Promise<CertifyServerResult> {
  return certifyServer('tls', options, ports)
}

/** A new key and certificate for the EST server: `est authorize`. See {@link certifyServer}. */
export function authorizeEst(options: CertifyServerOptions, ports: ChangePorts): Promise<CertifyServerResult> {
  return certifyServer('estTls', options, ports)
}

/**
 * Requests a CSR with a new key from the Factory API and signs it (docs/profile.md#conversation).
 *
 * @throws FpkiError as {@link changePki}; ERR_BAD_CSR when the CSR is refused
 */
async function certifyServer(
  kind: keyof typeof SERVERS,
  { directory, factory, tlsNames, ifExpiring }: CertifyServerOptions,
  ports: ChangePorts,
): Promise<CertifyServerResult> {
  const { command, file, what, member } = SERVERS[kind]
  let keptAs: string | null = null
  const change: Change<ServerCommand> = {
    command,
    options: { factory, api: ports.api.name, tlsNames: [...tlsNames] },
    prepare: steps<ChangeWork, ServerCommand>()
      .step({
        name: 'request',
        says: 'Requesting a new key and its CSR from the Factory API',
        run: async ({ api }) => {
          const csrs = await api.requestCsrs({ firstTimeInit: false, kinds: [kind] })
          return { csr: csrs[kind] ?? '' }
        },
      })
      .step({
        name: 'certificate',
        says: `Signing ${file}`,
        run: (work, { request: { csr } }, interrupted) =>
          signCsr(work, { file, profile: TLS_SERVER, what, csr }, interrupted),
      }),
    update: async ({ target }) => ({ [member]: await requireText(target, file) }),
    isTaken: (inApi, update) => samePem(inApi[member], update[member]),
    finish: async (work) => {
      keptAs = await work.directory.publish(file, 'earlier')
      return undefined
    },
  }
  const named = { factory, api: ports.api.name, directory, file }
  if (ifExpiring !== undefined) {
    const inUse = await notDue(change, member, { directory, factory, tlsNames, ifExpiring }, ports)
    if (inUse !== null) return { ...named, keptAs, certificate: inUse, due: false, resumed: false, warnings: [] }
  }
  const { pki, resumed, warnings } = await changePki({ directory, factory }, change, ports)
  const certificate = readPemCertificate(await requireText(pki.directory, file), file)
  const facts = describeCertificate(certificate, pki.root, ports.clock())
  return { ...named, keptAs, certificate: facts, due: true, resumed, warnings: [...warnings] }
}

/**
 * The certificate in use, if it need not be replaced; null: it must, or an interrupted run has to be resumed. Opens no key.
 * Throws as {@link changePki} does before it changes anything.
 */
async function notDue(
  change: Change<ServerCommand>,
  member: 'tlsCrt' | 'estTlsCrt',
  { directory, factory, tlsNames, ifExpiring }: CertifyServerOptions & { readonly ifExpiring: number },
  { api, files, clock }: ChangePorts,
): Promise<CertificateFacts | null> {
  const pki = await openPkiOfRoot(files, directory, factory)
  checkClock(clock())
  if (await isInterrupted(pki, change)) return null
  const { [member]: pem } = await certificatesInApi(api, pki)
  if (pem === null) return null
  const facts = describeCertificate(readPemCertificate(pem, member), pki.root, clock())
  const names = facts.subjectAltNames.map((name) => name.replace(/^(DNS|IP):/, '').toLowerCase())
  return facts.daysLeft >= ifExpiring && tlsNames.every((name) => names.includes(name.toLowerCase())) ? facts : null
}
