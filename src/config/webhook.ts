import { FpkiError } from '../errors.js'
import { secretText } from '../secret.js'
import { isPrivate } from './api-choice.js'

/**
 * The URL of a webhook: HTTPS, or HTTP on this machine.
 *
 * @param text secret
 * @param source names its origin in errors
 * @throws FpkiError ERR_USAGE, with nothing of the URL
 */
export function webhookUrl(text: string, source: string): string {
  const word = secretText(text, 'webhook URL', source)
  const url = URL.canParse(word) ? new URL(word) : null
  if (url === null || !isPrivate(url)) {
    const hint = 'Use the https:// URL that the chat system shows; http:// is only for this machine.'
    throw new FpkiError('ERR_USAGE', `Cannot use the webhook URL from ${source}: it is not an https:// URL.`, hint)
  }
  if (url.username !== '' || url.password !== '') {
    const hint = 'Use the URL that the chat system shows, without a user and a password.'
    throw new FpkiError('ERR_USAGE', `Cannot use the webhook URL from ${source}: it contains credentials.`, hint)
  }
  return url.href
}
