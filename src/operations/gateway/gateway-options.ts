import * as z from 'zod/mini'
import { FpkiError } from '../../errors.js'
import { shellWord } from '../../shell-word.js'
import { checkNginxOptions, type NginxOptions } from './gateway-nginx.js'

/** The options of an export, which a line of nginx.conf records. */
export const gatewayOptions = z.strictObject({
  listen: z.string(),
  upstream: z.string(),
  /** The path of the files for nginx; null: where they are written. */
  at: z.nullable(z.string()),
  /** Whether nginx refuses the devices of a deny list. */
  denyList: z.boolean(),
})

/** See {@link gatewayOptions}. */
export type GatewayOptions = z.infer<typeof gatewayOptions>

/** The options of the caller; null: as in the earlier export, or the default. */
export interface RequestedOptions {
  readonly listen: string | null
  readonly upstream: string | null
  readonly at: string | null
  readonly denyList?: boolean | null
}

const DEFAULTS: GatewayOptions = { listen: '8443', upstream: 'http://127.0.0.1:8080', at: null, denyList: false }
const PREFIX = '# Options: '

/** The comment that the next export reads, in nginx.conf itself so that both are replaced atomically. */
export function optionsLine({ listen, upstream, at, denyList }: GatewayOptions): string {
  return `${PREFIX}${JSON.stringify({ listen, upstream, at, denyList })}\n`
}

/**
 * The options of an earlier export. Throws ERR_BAD_FILE when the line is missing or was changed.
 */
export function earlierOptions(configuration: string, path: string): GatewayOptions {
  // The last line; the file ends with a line feed.
  const line = configuration.split('\n').at(-2) ?? ''
  try {
    if (!line.startsWith(PREFIX)) throw new Error('the line is missing')
    const options = gatewayOptions.parse(JSON.parse(line.slice(PREFIX.length)))
    checkNginxOptions(nginxOptionsOf(options, '/'))
    return options
  } catch (cause) {
    throw new FpkiError(
      'ERR_BAD_FILE',
      `Cannot read the options of the earlier export: in ${path}, the line "${PREFIX.trim()}" is missing or was changed.`,
      `Run \`mv ${shellWord(path)} ${shellWord(`${path}.old`)}\`, then export again, with all options.`,
      { cause, option: 'gatewayOptions' },
    )
  }
}

/** The effective options: as requested, otherwise as in the earlier export, otherwise the default. */
export function effectiveOptions(requested: RequestedOptions, earlier: GatewayOptions | null): GatewayOptions {
  const { listen, upstream, at, denyList } = earlier ?? DEFAULTS
  return {
    listen: requested.listen ?? listen,
    upstream: requested.upstream ?? upstream,
    at: requested.at ?? at,
    denyList: requested.denyList ?? denyList,
  }
}

/** `directory` is where the files are written. */
export function nginxOptionsOf({ at, ...options }: GatewayOptions, directory: string): NginxOptions {
  return { ...options, at: at ?? directory }
}

/** A note for each option that has changed. */
export function changesOf(earlier: GatewayOptions | null, options: GatewayOptions): readonly string[] {
  if (earlier === null) return []
  const names = ['listen', 'upstream', 'at'] as const
  const text = (value: string | null) => value ?? 'the export directory'
  const denyList = options.denyList ? 'nginx.conf has a deny list now' : 'nginx.conf has no deny list any more'
  return [
    ...names
      .filter((name) => earlier[name] !== options[name])
      .map((name) => `--${name} changes from ${text(earlier[name])} to ${text(options[name])}`),
    ...(earlier.denyList === options.denyList ? [] : [denyList]),
  ]
}
