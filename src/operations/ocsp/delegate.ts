import { FpkiError } from '../../errors.js'
import { rfc3339 } from '../../pki/describe.js'
import type { Certificate } from '../../pki/read-certificate.js'
import type { Clock, Progress } from '../../ports.js'
import type { ResponderKey } from '../../signer/ocsp-response.js'

/** The responder that a device CA delegates to, for as long as the service runs. */
export interface Delegate {
  /** Its key, with a certificate that is valid now. Throws what made it impossible to renew one that has expired. */
  current(): Promise<ResponderKey>
  /** When its certificate expires. */
  notAfter(): Date
  close(): Promise<void>
}

/** What a {@link Delegate} is made of. */
export interface DelegateOptions {
  /** The certificate file of its CA, for messages. */
  readonly name: string
  readonly ca: Pick<Certificate, 'notAfter'>
  readonly first: ResponderKey
  /** Makes another key and certificate. */
  renew(): Promise<ResponderKey>
}

/** How long after a failure the CA's key is left alone, in milliseconds. */
const LEFT_FOR = 60_000

/**
 * A responder that renews its certificate in the background when a third of its life is left. A CA key that is not available
 * then is a warning, and an error when the certificate has expired.
 */
export function delegate(
  { name, ca, first, renew }: DelegateOptions,
  { clock, progress }: { readonly clock: Clock; readonly progress: Progress },
): Delegate {
  let key = first
  let renewing: Promise<void> | null = null
  let failure: { readonly error: unknown; readonly at: number } | null = null

  const begin = async () => {
    try {
      const next = await renew()
      await key.signer.close()
      key = next
      failure = null
      progress.note(`The OCSP responder of ${name} has a new certificate, valid until ${until(key)}.`)
    } catch (error) {
      if (failure === null) progress.warn(notRenewed(name, key, error))
      failure = { error, at: clock().getTime() }
    } finally {
      renewing = null
    }
  }
  return {
    notAfter: () => key.certificate.notAfter,
    current: async () => {
      const now = clock()
      const isLeftAlone = failure !== null && Math.abs(now.getTime() - failure.at) < LEFT_FOR
      if (isDue(key.certificate, ca, now) && !isLeftAlone) renewing ??= begin()
      if (isValid(key.certificate, now)) return key
      await renewing
      if (isValid(key.certificate, clock())) return key
      throw failure?.error ?? expired(name, key)
    },
    close: async () => {
      await renewing
      await key.signer.close()
    },
  }
}

function isValid({ notBefore, notAfter }: Certificate, now: Date): boolean {
  return now >= notBefore && now < notAfter
}

/** One that ends with its CA is the last one. */
function isDue(certificate: Certificate, ca: Pick<Certificate, 'notAfter'>, now: Date): boolean {
  const [from, to] = [certificate.notBefore.getTime(), certificate.notAfter.getTime()]
  const isLast = to >= ca.notAfter.getTime()
  // Also when the clock was set back.
  return (now.getTime() >= to - (to - from) / 3 && !isLast) || now < certificate.notBefore
}

function until({ certificate }: ResponderKey): string {
  return rfc3339(certificate.notAfter)
}

function notRenewed(name: string, key: ResponderKey, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error)
  return `The certificate of the OCSP responder of ${name}, valid until ${until(key)}, was not renewed: ${reason}`
}

function expired(name: string, key: ResponderKey): FpkiError {
  return new FpkiError(
    'ERR_CLOCK',
    `The certificate of the OCSP responder of ${name} expired at ${until(key)}.`,
    'Check the device CA, which may have expired too, and start the service again.',
  )
}
