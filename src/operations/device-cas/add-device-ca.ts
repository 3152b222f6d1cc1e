import * as z from 'zod/mini'
import { localCaFiles } from '../../directory/local-ca-files.js'
import { isKeyFile, PKI_FILES } from '../../directory/names.js'
import type { PkiDirectory } from '../../directory/pki-directory.js'
import { FpkiError } from '../../errors.js'
import { makeCertificate, requireText, signCsr } from '../../issuance/issue.js'
import { type OpenPki, withDeviceCas } from '../../issuance/open-pki.js'
import { type Change, type ChangePorts, type ChangeWork, changePki } from '../../journal/change/change-pki.js'
import { type Facts, fact, type Step } from '../../journal/run-steps.js'
import { jsonDocument } from '../../json-document.js'
import { keyFiles } from '../../keystore/key-files.js'
import { makeKey, requireMadeKey } from '../../keystore/key-store.js'
import { certificateFacts, describeCertificate } from '../../pki/describe.js'
import { DEVICE_CA } from '../../pki/profiles.js'
import { readPemCertificate } from '../../pki/read-certificate.js'
import { isEncryptedKey } from '../../signer/key-pem.js'
import { commonNameAndUnit } from '../../signer/x509/name.js'

/** What `fpki ca add-device-ca --json` prints. */
export const addDeviceCaResult = jsonDocument({
  factory: z.string(),
  /** Which Factory API has taken them. */
  api: z.string(),
  /** Absolute. */
  directory: z.string(),
  added: z.array(
    z.extend(certificateFacts, {
      role: z.enum(['online-ca', 'local-ca']),
      file: z.string(),
      /** The file of its key, which is secret; null: the Factory API has it. */
      keyFile: z.nullable(z.string()),
    }),
  ),
  /** An interrupted run was brought to its end. */
  resumed: z.boolean(),
  warnings: z.array(z.string()),
})

/** See {@link addDeviceCaResult}. */
export type AddDeviceCaResult = z.infer<typeof addDeviceCaResult>

/** Which device CAs are wanted. */
export interface AddDeviceCaOptions {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  readonly factory: string
  readonly onlineCa: boolean
  readonly localCa: boolean
  /** A name in the directory, with or without `.pem`; its key is `NAME.key`. */
  readonly localCaFilename: string
}

/**
 * Adds device CAs to those that the Factory API knows (contract.md 1, 3 and 4). Those that are there stay as they are; an
 * earlier online-crt is kept as `.bak`.
 *
 * @throws FpkiError ERR_USAGE when none is asked for, or the name is none; ERR_EXISTS when local-ca's files are there;
 *   else as {@link changePki}
 */
export async function addDeviceCa(options: AddDeviceCaOptions, ports: ChangePorts): Promise<AddDeviceCaResult> {
  const { directory, factory, onlineCa, localCa } = options
  if (!onlineCa && !localCa) throw noneWanted()
  const local = localCaFiles(options.localCaFilename)
  const wanted = [
    ...(onlineCa ? [{ role: 'online-ca' as const, file: PKI_FILES.onlineCaCertificate, keyFile: null }] : []),
    ...(localCa ? [{ role: 'local-ca' as const, file: local.certificate, keyFile: local.key }] : []),
  ]
  const change: Change = {
    command: 'ca add-device-ca',
    arguments: {
      '--factory': factory,
      '--online-ca': String(onlineCa),
      '--local-ca': String(localCa),
      '--local-ca-filename': localCa ? local.certificate : '',
    },
    check: (pki) => refuseTaken(pki, localCa ? [local.certificate, local.key] : []),
    prepare: [...(onlineCa ? ONLINE_CA : []), ...(localCa ? localCaSteps(local) : [])],
    update: async ({ made }, { caCrt }) => {
      const added = await Promise.all(wanted.map(({ file }) => requireText(made, file)))
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
  const added = wanted.map(async ({ file, ...told }) => {
    const certificate = readPemCertificate(await requireText(pki.directory, file), file)
    return { ...told, file, ...describeCertificate(certificate, pki.root, ports.clock()) }
  })
  return { factory, api: ports.api.name, directory, added: await Promise.all(added), resumed, warnings: [...warnings] }
}

const ONLINE_CA: readonly Step<ChangeWork>[] = [
  {
    name: 'online-ca-csr',
    says: 'Asking the Factory API for a new key and its request',
    run: async ({ api }) => {
      const { ca = '' } = await api.requestCsrs({ firstTimeInit: false, kinds: ['ca'] })
      return { caCsr: ca }
    },
  },
  {
    name: 'online-ca-certificate',
    says: 'Signing online-ca',
    run: async (work, facts, interrupted) => {
      const order = { file: PKI_FILES.onlineCaCertificate, profile: DEVICE_CA, what: 'ca-csr' }
      return signCsr(work, { ...order, csr: fact(facts, 'caCsr') }, interrupted)
    },
  },
]

function localCaSteps({ certificate, key }: ReturnType<typeof localCaFiles>): readonly Step<ChangeWork>[] {
  const ref = { kind: 'file', name: key } as const
  return [
    {
      name: 'user',
      says: 'Asking the Factory API whose local-ca this is',
      run: async ({ api }): Promise<Facts> => {
        const { polisId } = await api.getUser()
        return { userId: polisId }
      },
    },
    {
      name: 'local-ca-key',
      says: 'Making the key of local-ca',
      run: async (work, _, interrupted) => {
        const encrypt = await hasEncryptedKeys(work.directory)
        return { localCaKey: await makeKey(stagedKeys(work), ref, { encrypt }, interrupted) }
      },
    },
    {
      name: 'local-ca-certificate',
      says: 'Signing local-ca',
      run: async (work, facts, interrupted) => {
        const spki = await requireMadeKey(stagedKeys(work), ref, fact(facts, 'localCaKey'))
        const subject = await commonNameAndUnit(`fio-${fact(facts, 'userId')}`, work.factory)
        const order = { file: certificate, profile: DEVICE_CA, subject, spki, issuer: work.root, names: [] }
        return makeCertificate(work, interrupted, order)
      },
    },
  ]
}

function stagedKeys(work: ChangeWork) {
  return keyFiles(work.made, work, work.access?.passphrases)
}

/** In a PKI whose keys are encrypted, a new one is too. */
async function hasEncryptedKeys(directory: PkiDirectory): Promise<boolean> {
  const names = (await directory.names()).filter(isKeyFile)
  const encrypted = await Promise.all(names.map(async (name) => isEncrypted((await directory.read(name)) ?? '', name)))
  return encrypted.includes(true)
}

/** Anything may lie in a `.key`. */
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
    `${directory.path}/${taken} exists already.`,
    'fpki overwrites nothing; name another file, site-b.pem for instance.',
    { option: 'localCaFilename' },
  )
}

function noneWanted(): FpkiError {
  const hint = 'Ask for online-ca, local-ca, or both.'
  return new FpkiError('ERR_USAGE', 'No device CA is asked for.', hint, { option: 'onlineCa' })
}
