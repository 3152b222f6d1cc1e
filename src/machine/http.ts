import { X509Certificate } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Connection, ServerCredentials } from '../config/connection.js'
import type { OAuthClient, OAuthTokens } from '../config/oauth-client.js'
import { FpkiError } from '../errors.js'
import {
  type Credentials,
  fixedCredentials,
  newTokens,
  type OAuthPorts,
  oauthCredentials,
} from '../factory/http/credentials.js'
import { undiciSend } from '../factory/http/undici-send.js'
import { postWebhook, type WebhookCall } from '../factory/http/webhook.js'
import { type HttpFactory, httpFactory } from '../factory/http.js'
import { decodePem } from '../pki/pem.js'
import { VERSION } from '../version.js'
import type { Machine } from './machine.js'

/** Receives warnings, and aborts requests. */
export interface HttpPorts {
  readonly signal: AbortSignal
  readonly warn: (text: string) => void
}

/** The settings of {@link Connection} for any server. */
export type Transport = Omit<Connection, 'url' | 'credentials' | 'extraHeaders'>

/** The size limit for responses: a list of some thousand device CAs. */
const MAX_BYTES = 8 * 1024 * 1024

/** See `httpFactoryOn`. */
export async function openHttpFactory(
  machine: Machine,
  connection: Connection,
  factory: string,
  ports: HttpPorts,
): Promise<HttpFactory> {
  const { url, extraHeaders, insecure } = connection
  if (insecure) ports.warn(`the certificate of ${url} is not checked (server.insecure_skip_verify).`)
  const out = await oauthPorts(machine, connection, ports.signal)
  const credentials = credentialsOf(connection.credentials, out, ports)
  return httpFactory({ ...out, url, factory, extraHeaders, credentials })
}

/** Requests OAuth tokens with the client secret. Throws ERR_API. */
export async function requestTokens(
  machine: Machine,
  transport: Transport,
  client: OAuthClient,
  signal: AbortSignal,
): Promise<OAuthTokens> {
  return newTokens(client, null, await oauthPorts(machine, transport, signal))
}

/** See `sendWebhookFrom`. */
export async function sendWebhook(
  machine: Machine,
  transport: Transport,
  call: WebhookCall,
  signal: AbortSignal,
): Promise<void> {
  await postWebhook(call, await oauthPorts(machine, transport, signal))
}

async function oauthPorts(
  { files, clock, random }: Machine,
  { cacert, ...transport }: Transport,
  signal: AbortSignal,
): Promise<OAuthPorts> {
  const extraRoots = cacert === null ? null : await readRoots(cacert, files)
  return {
    clock,
    random,
    userAgent: `fpki/${VERSION}`,
    send: undiciSend({ ...transport, extraRoots, maxBytes: MAX_BYTES, signal }),
    sleep: async (milliseconds) => {
      await delay(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted())
    },
  }
}

/**
 * Reads roots to trust: PEM as OpenSSL writes it, because TLS silently ignores what it cannot read, such as indented PEM.
 * Throws ERR_USAGE when the file does not exist, and ERR_BAD_FILE.
 */
async function readRoots(cacert: string, files: Machine['files']): Promise<string> {
  const text = await files.read(cacert, MAX_BYTES)
  if (text === null) throw new FpkiError('ERR_USAGE', `No such file: ${cacert}.`, 'Check --cacert and CACERT.')
  const roots = decodePem('CERTIFICATE', text, cacert)
  try {
    return roots.map((der) => new X509Certificate(der).toString()).join('')
  } catch (cause) {
    const hint = 'Use a PEM file with the root certificates to trust.'
    throw new FpkiError('ERR_BAD_FILE', `${cacert} contains an invalid certificate.`, hint, { cause })
  }
}

function credentialsOf(credentials: ServerCredentials, out: OAuthPorts, { warn }: HttpPorts): Credentials {
  if (credentials.kind === 'token') return fixedCredentials({ name: credentials.header, value: credentials.token })
  return oauthCredentials(credentials.client, credentials.tokens, out, async (tokens) => {
    try {
      await credentials.save(tokens)
    } catch (error) {
      if (!(error instanceof FpkiError)) throw error
      warn(`cannot save the new tokens: ${error.message}`)
    }
  })
}
