import { readKitRecord } from '../../directory/kit-record.js'
import { FpkiError } from '../../errors.js'
import { readEstServer } from '../../factory/embedded/gateway.js'
import { encodePem } from '../../pki/pem.js'
import type { DurableFiles, Signer } from '../../ports.js'
import { shellWord } from '../../shell-word.js'
import { openPki, requireSameRoot } from '../open-pki.js'

/** Whose EST server it is. */
export interface EstIdentityOptions {
  /** Absolute path of the PKI directory. */
  readonly directory: string
  /** null: the factory that the directory records. */
  readonly factory: string | null
  /** Absolute path of the state of the embedded Factory API; null: another Factory API is chosen. */
  readonly stateDirectory: string | null
}

/** est-tls-crt, PEM, and its private key, PEM (secret). */
export interface EstIdentity {
  readonly certificate: string
  readonly key: string
  readonly notAfter: Date
}

/**
 * The key and certificate with which an EST server proves itself to devices: est-tls-crt, whose key the embedded Factory API has.
 *
 * @throws FpkiError ERR_USAGE when it has none; as openPki and readEstServer; ERR_OTHER_ROOT
 */
export async function estIdentity(
  { directory, factory: name, stateDirectory }: EstIdentityOptions,
  { files, openKey }: { readonly files: DurableFiles; openKey(pem: string, what: string): Promise<Signer> },
): Promise<EstIdentity> {
  const { factory, root, directory: opened } = await openPki(files, directory, name)
  if (stateDirectory === null)
    throw noIdentity(
      'The key of est-tls-crt is in the Factory API, which does not disclose it.',
      'Pass the certificate and the key of a server whose name devices know',
    )
  const found = await readEstServer(
    { stateDirectory, factory, files, openKey },
    `Restore it from a backup, or create another with \`fpki est authorize ${shellWord(directory)}\`.`,
  )
  if (found === null) {
    const isKit = (await readKitRecord({ files, path: directory })) !== null
    throw noIdentity(
      `The factory ${factory} has no certificate for an EST server.`,
      isKit
        ? 'In the PKI directory that the kit was exported from, sign a request for one with `fpki ca sign CSR --pki-dir DIR --profile tls-server --out est.pem`. Pass the certificate and its key'
        : `Create one with \`fpki est authorize ${shellWord(directory)}\`, or pass a certificate and its key`,
    )
  }
  requireSameRoot(found.certificates.rootCrt, { root, factory, directory: opened })
  const { estTls, estTlsKey } = found
  return { certificate: encodePem('CERTIFICATE', estTls.der), key: estTlsKey, notAfter: estTls.notAfter }
}

function noIdentity(message: string, hint: string): FpkiError {
  return new FpkiError('ERR_USAGE', message, `${hint}.`, { option: 'tlsFiles' })
}
