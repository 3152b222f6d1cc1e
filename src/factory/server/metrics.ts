/** A request that was answered. */
export interface Answered {
  readonly method: string
  /** The pattern of its path; nothing of what a client wrote. */
  readonly route: string
  readonly status: number
  readonly seconds: number
}

/** What the server counts. */
export interface Metrics {
  begin(): void
  end(answered: Answered): void
  /** How many requests are not answered yet. */
  inFlight(): number
  /** In the text format of Prometheus, version 0.0.4. */
  text(now: { readonly residentBytes: number; readonly tokens: number }): string
}

/** Counts from zero. `started` is now. */
export function newMetrics(version: string, started: Date): Metrics {
  const requests = new Map<string, { count: number; seconds: number }>()
  let open = 0
  return {
    begin: () => {
      open += 1
    },
    end: ({ method, route, status, seconds }) => {
      open -= 1
      const labels = `{method="${method}",route="${route}",status="${status}"}`
      const so = requests.get(labels)
      if (so === undefined) requests.set(labels, { count: 1, seconds })
      else {
        so.count += 1
        so.seconds += seconds
      }
    },
    inFlight: () => open,
    text: ({ residentBytes, tokens }) => {
      const all = [...requests]
      const counted = all.map(([labels, { count }]) => `${labels} ${count}`)
      const spent = all.map(([labels, { seconds }]) => `${labels} ${seconds.toFixed(6)}`)
      return [
        family('fpki_api_info', 'gauge', 'Which fpki serves.', [`{version="${version}"} 1`]),
        family('fpki_api_start_seconds', 'gauge', 'When it was started, in seconds since 1970.', [
          ` ${started.getTime() / 1000}`,
        ]),
        family('fpki_api_requests_total', 'counter', 'Requests that were answered.', counted),
        family('fpki_api_request_seconds_total', 'counter', 'How long they took, all together.', spent),
        family('fpki_api_requests_in_flight', 'gauge', 'Requests that are not answered yet.', [` ${open}`]),
        family('fpki_api_tokens', 'gauge', 'Tokens that were not revoked.', [` ${tokens}`]),
        family('process_resident_memory_bytes', 'gauge', 'Memory of this process.', [` ${residentBytes}`]),
      ].join('')
    },
  }
}

function family(name: string, type: 'counter' | 'gauge', help: string, samples: readonly string[]): string {
  if (samples.length === 0) return ''
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.map((sample) => `${name}${sample}\n`).join('')}`
}
