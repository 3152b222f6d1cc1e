import * as z from 'zod/mini'
import { localCaFiles } from '../../directory/local-ca-files.js'
import { isKeyFile, PKI_FILES } from '../../directory/names.js'
import { FpkiError } from '../../errors.js'
import { steps } from '../../journal/steps.js'
import { jsonDocument } from '../../json-document.js'
import { keyFiles } from '../../keystore/key-files.js'
import { makeKey, type NewKey, requireMadeKey } from '../../keystore/key-store.js'
import { certificateFacts, describeCertificate } from '../../pki/describe.js'
import { DEVICE_CA, DEVICE_CA_WITH_CRLS } from '../../pki/profiles.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import { commonNameAndUnit } from '../../signer/x509/name.js'
import { type OpenPki, withDeviceCas } from '../open-pki.js'
import { makeCertificate, requireText, signCsr } from '../signing/certificate-files.js'
import type { Change, ChangePorts, ChangeWork } from './change.js'
import { changePki } from './change-pki.js'

/** What `fpki ca add-device-ca --json` prints. */
export const addDeviceCaResult = jsonDocument({
  factory: z.string(),
  /** The Factory API that has accepted them. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  added: z.array(
    z.extend(certificateFacts, {
      role: z.enum(['online-ca', 'local-ca']),
      file: z.string(),
      /** Its key file; null: the Factory API has the key. */
      keyFile: z.nullable(z.string()),
    }),
  ),
  /** An interrupted run was resumed. */
  resumed: z.boolean(),
  warnings: z.array(z.string()),
})

/** See {@link addDeviceCaResult}. */
export type AddDeviceCaResult = z.infer<typeof addDeviceCaResult>

/** Which device CAs to add. */
export interface AddDeviceCaOptions {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  readonly factory: string
  readonly onlineCa: boolean
  readonly localCa: boolean
  /** A file name in the directory, with or without `.pem`; its key is `NAME.key`. */
  readonly localCaFilename: string
  /** Whether the local-ca may sign CRLs, for gateways that check them; default: no. */
  readonly crlSign?: boolean
}

/**
 * Adds device CAs to those in the Factory API (docs/profile.md#conversation). Existing ones are not changed; an earlier
 * online-crt is kept as `.bak`.
 *
 * @throws FpkiError ERR_USAGE when none is specified or the file name is invalid; ERR_EXISTS when a file of local-ca exists;
 *   and as {@link changePki}
 */
export async function addDeviceCa(options: AddDeviceCaOptions, ports: ChangePorts): Promise<AddDeviceCaResult> {
  const { directory, factory, onlineCa, localCa, crlSign = false } = options
  if (!onlineCa && !localCa) throw noneRequested()
  if (crlSign && !localCa) throw crlsOfLocalCaOnly()
  const local = localCaFiles(options.localCaFilename)
  const requested = [
    ...(onlineCa ? [{ role: 'online-ca' as const, file: PKI_FILES.onlineCaCertificate, keyFile: null }] : []),
    ...(localCa ? [{ role: 'local-ca' as const, file: local.certificate, keyFile: local.key }] : []),
  ]
  const change: Change<typeof COMMAND> = {
    command: COMMAND,
    options: {
      factory,
      api: ports.api.name,
      onlineCa,
      localCa,
      localCaFilename: localCa ? local.certificate : null,
      crlSign,
    },
    check: (pki) => refuseTaken(pki, localCa ? [local.certificate, local.key] : []),
    prepare: prepareSteps({ onlineCa, local: localCa ? local : null, crlSign }),
    update: async ({ target }, { caCrt }) => {
      const added = await Promise.all(requested.map(({ file }) => requireText(target, file)))
      return { caCrt: withDeviceCas(caCrt, added) }
    },
    isTaken: ({ caCrt }, update) => withDeviceCas(caCrt, [update.caCrt ?? '']) === withDeviceCas(caCrt, []),
    finish: async (work) => {
      if (onlineCa) await work.directory.publish(PKI_FILES.onlineCaCertificate, 'earlier')
      if (localCa) for (const file of [local.key, local.certificate]) await work.directory.publish(file, 'nothing')
      return undefined
    },
  }
  const { pki, resumed, warnings } = await changePki({ directory, factory }, change, ports)
  const added = requested.map(async ({ file, ...role }) => {
    const certificate = readPemCertificate(await requireText(pki.directory, file), file)
    return { ...role, file, ...describeCertificate(certificate, pki.root, ports.clock()) }
  })
  return { factory, api: ports.api.name, directory, added: await Promise.all(added), resumed, warnings: [...warnings] }
}

const COMMAND = 'ca add-device-ca'

interface RequestedCas {
  readonly onlineCa: boolean
  /** The files of a local-ca; null: none. */
  readonly local: ReturnType<typeof localCaFiles> | null
  readonly crlSign: boolean
}

function prepareSteps({ onlineCa, local, crlSign }: RequestedCas) {
  const ref = local === null ? null : ({ kind: 'file', name: local.key } as const)
  return steps<ChangeWork, typeof COMMAND>()
    .step({
      name: 'keys',
      says: 'Generating keys and requesting CSRs',
      run: async (work, _, interrupted) => ({
        caCsr: onlineCa ? ((await work.api.requestCsrs({ firstTimeInit: false, kinds: ['ca'] })).ca ?? '') : null,
        userId: local === null ? null : (await work.api.getUser()).polisId,
        localCaKey: ref && (await makeKey(stagedKeys(work), ref, await newLocalCaKey(work), interrupted)),
      }),
    })
    .step({
      name: 'certificates',
      says: 'Signing the certificates',
      run: async (work, { keys: { caCsr, userId, localCaKey } }, interrupted) => {
        if (caCsr !== null) {
          const order = { file: PKI_FILES.onlineCaCertificate, profile: DEVICE_CA, what: 'ca-csr', csr: caCsr }
          await signCsr(work, order, interrupted)
        }
        if (local === null || ref === null || localCaKey === null || userId === null) return
        const spki = await requireMadeKey(stagedKeys(work), ref, localCaKey)
        const subject = await commonNameAndUnit(`fio-${userId}`, work.factory)
        const profile = crlSign ? DEVICE_CA_WITH_CRLS : DEVICE_CA
        const order = { file: local.certificate, profile, subject, spki, issuer: work.root, names: [] }
        await makeCertificate(work, interrupted, order)
      },
    })
}

function stagedKeys(work: ChangeWork) {
  return keyFiles(work.target, work, work.access?.passphrases)
}

/** The new key is encrypted if other keys of the PKI are. */
async function newLocalCaKey({ directory }: ChangeWork): Promise<NewKey> {
  const names = (await directory.names()).filter(isKeyFile)
  const encrypted = await Promise.all(names.map(async (name) => isEncrypted((await directory.read(name)) ?? '', name)))
  return { encrypt: encrypted.includes(true) }
}

/** false for a `.key` file that is not a key. */
function isEncrypted(pem: string, name: string): boolean {
  try {
    return isEncryptedKey(pem, name)
  } catch {
    return false
  }
}

async function refuseTaken({ directory }: OpenPki, files: readonly string[]): Promise<void> {
  const names = await directory.names()
  const taken = files.find((file) => names.includes(file))
  if (taken === undefined) return
  throw new FpkiError(
    'ERR_EXISTS',
    `${directory.path}/${taken} already exists.`,
    'fpki never overwrites files: choose another name.',
    { option: 'localCaFilename' },
  )
}

function crlsOfLocalCaOnly(): FpkiError {
  const hint = 'Add a local-ca. The Factory API has the key of an online-ca, and signs no CRLs with it.'
  return new FpkiError('ERR_USAGE', 'Only a local-ca may be created to sign CRLs.', hint, { option: 'crlSign' })
}

function noneRequested(): FpkiError {
  const hint = 'Choose online-ca, local-ca, or both.'
  return new FpkiError('ERR_USAGE', 'No device CA specified.', hint, { option: 'onlineCa' })
}
