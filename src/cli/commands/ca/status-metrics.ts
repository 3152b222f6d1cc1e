import { Gauge, Registry } from 'prom-client'
import type { CertificateStatus, PkiStatus, PkiStatusResult } from '../../../operations/audit/status-pki.js'
import { printable } from '../../output.js'

/** A value and what it is of. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** One metric, a gauge like all of them. */
interface Metric {
  readonly name: string
  readonly help: string
  readonly samples: (status: PkiStatusResult) => readonly Sample[]
}

const METRICS: readonly Metric[] = [
  certificateMetric('not_before_seconds', 'When the certificate begins, in seconds since 1970.', ({ notBefore }) =>
    seconds(notBefore),
  ),
  certificateMetric('not_after_seconds', 'When the certificate ends, in seconds since 1970.', ({ notAfter }) =>
    seconds(notAfter),
  ),
  certificateMetric(
    'remaining_seconds',
    'How long the certificate is valid from when this was looked at; negative when it has ended.',
    ({ notAfter }, { checkedAt }) => seconds(notAfter) - seconds(checkedAt),
  ),
  certificateMetric('expiring', 'Does the certificate end within --warn-days, or has it ended?', ({ state }) =>
    Number(state === 'expiring' || state === 'expired'),
  ),
  certificateMetric('valid', 'Is the certificate within its validity?', ({ notAfter, notYetValid }, { checkedAt }) =>
    Number(!notYetValid && seconds(checkedAt) <= seconds(notAfter)),
  ),
  certificateMetric('disabled', 'Is it a device CA that the Factory API accepts no devices of?', ({ disabled }) =>
    Number(disabled),
  ),
  pkiMetric('unfinished', 'Does an interrupted command wait to be resumed?', ({ unfinished }) =>
    Number(unfinished !== null),
  ),
  pkiMetric('backup_made_seconds', 'When the newest backup was made, in seconds since 1970; 0: none is known.', (pki) =>
    seconds(pki.backup?.madeAt ?? null),
  ),
  pkiMetric('backup_proved_seconds', 'When it was last proven, in seconds since 1970; 0: never.', (pki) =>
    seconds(pki.backup?.provedAt ?? null),
  ),
  pkiMetric('backup_root_key_proved', 'Has the root key in it signed when it was last proven?', ({ backup }) =>
    Number((backup?.provedAt ?? null) !== null && backup?.rootKeyUnproven === null),
  ),
  pkiMetric('backup_due', 'Is there no backup that is younger than --backup-days?', ({ backupDue }) =>
    Number(backupDue),
  ),
  pkiMetric('problems', 'How many files are missing or could not be read.', ({ problems }) => problems.length),
  {
    name: 'fpki_status_checked_seconds',
    help: 'When this was looked at, in seconds since 1970.',
    samples: ({ checkedAt }) => [{ labels: {}, value: seconds(checkedAt) }],
  },
]

/** A status in the text format of Prometheus, version 0.0.4, for the textfile collector of node_exporter. */
export function metrics(status: PkiStatusResult): Promise<string> {
  const registry = new Registry()
  for (const { name, help, samples } of METRICS) {
    const all = samples(status)
    const [first] = all
    if (first === undefined) continue
    const gauge = new Gauge({ name, help, labelNames: Object.keys(first.labels), registers: [registry] })
    for (const { labels, value } of all) gauge.set(printableLabels(labels), value)
  }
  return registry.metrics()
}

function certificateMetric(
  name: string,
  help: string,
  value: (certificate: CertificateStatus, status: PkiStatusResult) => number,
): Metric {
  return {
    name: `fpki_certificate_${name}`,
    help,
    samples: (status) =>
      status.pkis.flatMap((pki) =>
        pki.certificates.map((certificate) => {
          const { role, file, serial } = certificate
          return { labels: { ...labelsOf(pki), role, file: file ?? '', serial }, value: value(certificate, status) }
        }),
      ),
  }
}

function pkiMetric(name: string, help: string, value: (pki: PkiStatus) => number): Metric {
  return {
    name: `fpki_pki_${name}`,
    help,
    samples: ({ pkis }) => pkis.map((pki) => ({ labels: labelsOf(pki), value: value(pki) })),
  }
}

function labelsOf({ factory, directory }: PkiStatus): Readonly<Record<string, string>> {
  return { factory: factory ?? '', directory: directory ?? '' }
}

/** A terminal acts on no control character, and prom-client escapes what the format wants escaped. */
function printableLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, printable(value)]))
}

function seconds(time: string | null): number {
  return time === null ? 0 : Date.parse(time) / 1000
}
