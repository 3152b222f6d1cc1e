import * as z from 'zod/mini'
import { PKI_FILES } from '../../directory/names.js'
import { knownPki, openPki } from '../../issuance/open-pki.js'
import { steps } from '../../journal/steps.js'
import { jsonDocument } from '../../json-document.js'
import { checkClock } from '../../pki/clock.js'
import { type CertificateFacts, certificateFacts, describeCertificate } from '../../pki/describe.js'
import { samePem } from '../../pki/pem.js'
import { TLS_SERVER } from '../../pki/profiles.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import type { Change, ChangePorts, ChangeWork } from '../device-cas/change.js'
import { changePki, isInterrupted } from '../device-cas/change-pki.js'
import { requireText, signCsr } from '../signing/certificate-files.js'

/** What `fpki ca rotate-tls --json` and `fpki est authorize --json` print. */
export const certifyServerResult = jsonDocument({
  factory: z.string(),
  /** Which Factory API has taken it. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  /** The file that has it. */
  file: z.string(),
  /** The name beside it under which the earlier one is kept; null: there was none, or an interrupted run kept it. */
  keptAs: z.nullable(z.string()),
  /** The new one; when it was not due, the one in use. */
  certificate: certificateFacts,
  /** false: `--if-expiring` was given and the certificate in use has more days left, so that nothing was changed. */
  due: z.boolean(),
  /** An interrupted run was brought to its end. */
  resumed: z.boolean(),
  warnings: z.array(z.string()),
})

/** See {@link certifyServerResult}. */
export type CertifyServerResult = z.infer<typeof certifyServerResult>

/** The servers whose keys the Factory API makes and keeps: what each is called, here and there. */
const SERVERS = {
  tls: { command: 'ca rotate-tls', file: PKI_FILES.tlsCertificate, what: 'tls-csr', member: 'tlsCrt' },
  estTls: { command: 'est authorize', file: PKI_FILES.estTlsCertificate, what: 'est-tls-csr', member: 'estTlsCrt' },
} as const

type ServerCommand = (typeof SERVERS)[keyof typeof SERVERS]['command']

/** What a server's certificate is asked for with. */
export interface CertifyServerOptions {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  readonly factory: string
  /** As given to the embedded Factory API; recorded, so that a second run is held to the same. */
  readonly tlsNames: readonly string[]
  /** Only when the certificate in use has fewer whole days left than this, or lacks one of `tlsNames`; absent: in any case. */
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
 * Has the Factory API make a new key for a server, and signs its request: `ca rotate-tls` (the device gateway) and
 * `est authorize` (docs/profile.md#conversation).
 *
 * @throws FpkiError as {@link changePki}; ERR_BAD_CSR when the request may not be signed
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
        says: 'Asking the Factory API for a new key and its request',
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
    update: async ({ made }) => ({ [member]: await requireText(made, file) }),
    isTaken: (known, update) => samePem(known[member], update[member]),
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
 * The certificate in use, when it need not be replaced; null: it must be, or an interrupted run waits to be finished. No key
 * is opened. Throws as {@link changePki} does before it makes anything.
 */
async function notDue(
  change: Change<ServerCommand>,
  member: 'tlsCrt' | 'estTlsCrt',
  { directory, factory, tlsNames, ifExpiring }: CertifyServerOptions & { readonly ifExpiring: number },
  { api, files, clock }: ChangePorts,
): Promise<CertificateFacts | null> {
  const pki = await openPki(files, directory, factory)
  checkClock(clock())
  if (await isInterrupted(pki, change)) return null
  const { [member]: pem } = await knownPki(api, pki)
  if (pem === null) return null
  const facts = describeCertificate(readPemCertificate(pem, member), pki.root, clock())
  const names = facts.subjectAltNames.map((name) => name.replace(/^(DNS|IP):/, '').toLowerCase())
  return facts.daysLeft >= ifExpiring && tlsNames.every((name) => names.includes(name.toLowerCase())) ? facts : null
}
