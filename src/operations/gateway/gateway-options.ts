import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import { checkNginxOptions, type NginxOptions } from './gateway-nginx.js'

/** How a gateway was exported; the line of nginx.conf that remembers it. */
export const gatewayOptions = z.strictObject({
  listen: z.string(),
  upstream: z.string(),
  /** Where nginx finds the files; null: where they are written. */
  at: z.nullable(z.string()),
})

/** See {@link gatewayOptions}. */
export type GatewayOptions = z.infer<typeof gatewayOptions>

/** What the caller asks for; null: as in the earlier export, or the default. */
export type RequestedOptions = { readonly [name in keyof GatewayOptions]: string | null }

const DEFAULTS: GatewayOptions = { listen: '8443', upstream: 'http://127.0.0.1:8080', at: null }
const PREFIX = '# Options: '

/** The comment in nginx.conf that the next export reads: it is replaced in one move with what it describes. */
export function optionsLine({ listen, upstream, at }: GatewayOptions): string {
  return `${PREFIX}${JSON.stringify({ listen, upstream, at })}\n`
}

/**
 * What an earlier nginx.conf was exported with. Throws ERR_BAD_FILE when the line is missing, or has what fpki would not
 * have written.
 */
export function earlierOptions(configuration: string, path: string): GatewayOptions {
  // The last one: it ends with a line feed.
  const line = configuration.split('\n').at(-2) ?? ''
  try {
    if (!line.startsWith(PREFIX)) throw new Error('there is no such line')
    const options = gatewayOptions.parse(JSON.parse(line.slice(PREFIX.length)))
    checkNginxOptions(nginxOptionsOf(options, '/'))
    return options
  } catch (cause) {
    throw new FpkiError(
      'ERR_BAD_FILE',
      `${path} does not say how it was exported: its line "${PREFIX.trim()}" is missing or was changed.`,
      `Run: mv ${path} ${path}.old, and export again, with all options.`,
      { cause, option: 'gatewayOptions' },
    )
  }
}

/** The options that count: what is requested, else as earlier, else the default. */
export function effectiveOptions(requested: RequestedOptions, earlier: GatewayOptions | null): GatewayOptions {
  const { listen, upstream, at } = earlier ?? DEFAULTS
  return {
    listen: requested.listen ?? listen,
    upstream: requested.upstream ?? upstream,
    at: requested.at ?? at,
  }
}

/** `directory` is where the files are written. */
export function nginxOptionsOf({ at, ...options }: GatewayOptions, directory: string): NginxOptions {
  return { ...options, at: at ?? directory }
}

/** A line for each option that is no longer what it was. */
export function changesOf(earlier: GatewayOptions | null, options: GatewayOptions): readonly string[] {
  if (earlier === null) return []
  const names = ['listen', 'upstream', 'at'] as const
  const text = (value: string | null) => value ?? 'the directory itself'
  return names
    .filter((name) => earlier[name] !== options[name])
    .map((name) => `--${name} changes from ${text(earlier[name])} to ${text(options[name])}`)
}
