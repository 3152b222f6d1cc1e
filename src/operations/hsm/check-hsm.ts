import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import { jsonDocument } from '../../json-document.js'
import { newRootKeyName } from '../../keystore/labels.js'
import { proveSigner } from '../../keystore/prove.js'
import { openTokenKeys, type TokenKeysPorts } from '../../keystore/token-keys.js'
import type { Curve, HsmChoice, KeyChoice, Random, Signer } from '../../ports.js'
import { CKA, CKM, CKO } from '../../signer/pkcs11/cryptoki.js'
import { explainErrors } from '../../signer/pkcs11/errors.js'
import { flagOf, isLabelTaken, objectsOf, type TokenKey } from '../../signer/pkcs11/key.js'
import { keyError } from '../../signer/pkcs11/key-errors.js'
import { deleteKey, generateKey } from '../../signer/pkcs11/make-key.js'
import { missingMechanisms, requireMechanisms } from '../../signer/pkcs11/mechanisms.js'
import type { OpenToken } from '../../signer/pkcs11/session.js'
import { tokenSigner } from '../../signer/pkcs11/signer.js'

/** What `fpki hsm check --json` prints. */
export const checkHsmResult = jsonDocument({
  module: z.string(),
  token: z.strictObject({ label: z.string(), model: z.string(), serial: z.string() }),
  /** The checks that succeeded, as text, in order. */
  works: z.array(z.string()),
  /** Whether the token already has a key with the label of the root key, which `ca create` would refuse. */
  rootKeyIsThere: z.boolean(),
})

/** See {@link checkHsmResult}. */
export type CheckHsmResult = z.infer<typeof checkHsmResult>

/** What {@link checkHsm} works with. */
export interface CheckHsmPorts extends TokenKeysPorts {
  readonly random: Random
  /** Receives each check that succeeds, immediately. */
  works(text: string): void
  /** Receives each mechanism that the token lacks, before the error. */
  lacks(text: string): void
}

/**
 * Tests everything that `ca create` needs of a token, with a temporary key; the root key is not touched.
 *
 * @throws FpkiError ERR_HSM_MODULE, ERR_HSM_TOKEN, ERR_HSM_PIN, ERR_HSM_KEY or ERR_SIGNATURE: the first thing that does
 *   not work
 */
export async function checkHsm(
  { hsm, curve }: { readonly hsm: HsmChoice; readonly curve: Curve },
  ports: CheckHsmPorts,
): Promise<CheckHsmResult> {
  const works: string[] = []
  const report = (text: string) => {
    works.push(text)
    ports.works(text)
  }
  const tokenKeys = await openTokenKeys(hsm, ports)
  const { token } = tokenKeys
  try {
    const { label, model, serial } = token.token
    report(`the module ${hsm.module} loads, and has the token "${label}" (${model}, serial ${serial})`)
    report('the token accepts the PIN')
    const rootKey = newRootKeyName(hsm.key)
    const rootKeyIsThere = isLabelTaken(token, rootKey)
    report(`the label "${rootKey.label}" is ${rootKeyIsThere ? 'taken by a root key' : 'free for a root key'}`)
    for (const mechanism of missingMechanisms(token, { curve, isNew: true })) ports.lacks(mechanism)
    requireMechanisms(token, { curve, isNew: true })
    await tryKey(token, curve, ports.random, report)
    return { module: hsm.module, token: { label, model, serial }, works, rootKeyIsThere }
  } catch (error) {
    throw withoutOwnHint(error)
  } finally {
    await tokenKeys.close()
  }
}

/** The hints of other commands suggest `hsm check` itself. */
function withoutOwnHint(error: unknown): unknown {
  if (!(error instanceof FpkiError) || !error.hint.includes('fpki hsm check')) return error
  return new FpkiError(error.code, error.message, 'Use another token, or another interface of this one.')
}

async function tryKey(token: OpenToken, curve: Curve, random: Random, report: (text: string) => void): Promise<void> {
  const label = `fpki-check-${Buffer.from(random.bytes(6)).toString('hex')}`
  const choice = { label, id: Buffer.from(random.bytes(6)).toString('hex') }
  try {
    const key = generateKey(token, choice, curve)
    report(`it generates an EC key pair on ${curve}`)
    reportProtection(token, key, report)
    await trySigning(token, tokenSigner(token, key, null), report)
  } finally {
    deleteAll(token, choice)
  }
  report('it deletes the key')
}

function reportProtection(token: OpenToken, { handle }: TokenKey, report: (text: string) => void): void {
  const sensitive = flagOf(token, handle, CKA.sensitive)
  const extractable = flagOf(token, handle, CKA.extractable)
  if (sensitive === null || extractable === null) report('it does not report whether the private key is extractable')
  else report('the private key is sensitive and not extractable: it never leaves the token')
}

async function trySigning(token: OpenToken, signer: Signer, report: (text: string) => void): Promise<void> {
  const how = token.mechanisms.has(CKM.ecdsa) ? 'CKM_ECDSA' : 'CKM_ECDSA with a hash'
  await proveSigner(signer, token.name)
  report(`it signs (${how}), and OpenSSL verifies the signature`)
}

/** Deletes the temporary key, also after an error. */
function deleteAll(token: OpenToken, choice: KeyChoice): void {
  const classes = [CKO.privateKey, CKO.publicKey]
  const handles = classes.flatMap((objectClass) => objectsOf(token, objectClass, choice).map(({ handle }) => handle))
  explainErrors(token, () => deleteKey(token, handles), `${token.name} did not delete the key "${choice.label}"`)
  if (classes.some((objectClass) => objectsOf(token, objectClass, choice).length > 0)) {
    throw keyError(`${token.name} still has the key "${choice.label}".`, "Delete it with the vendor's tool.")
  }
}
