import { Gauge, Registry } from 'prom-client'
import type { CertificateStatus, PkiStatus, PkiStatusResult } from '../../../operations/audit/status-pki.js'
import { printable } from '../../output.js'

/** A value and what it is of. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** One metric; all are gauges. */
interface Metric {
  readonly name: string
  readonly help: string
  readonly samples: (status: PkiStatusResult) => readonly Sample[]
}

const METRICS: readonly Metric[] = [
  certificateMetric(
    'not_before_seconds',
    'Start of the validity of the certificate, as a Unix timestamp.',
    ({ notBefore }) => seconds(notBefore),
  ),
  certificateMetric(
    'not_after_seconds',
    'End of the validity of the certificate, as a Unix timestamp.',
    ({ notAfter }) => seconds(notAfter),
  ),
  certificateMetric(
    'remaining_seconds',
    'Seconds until the certificate expires; negative if it has expired.',
    ({ notAfter }, { checkedAt }) => seconds(notAfter) - seconds(checkedAt),
  ),
  certificateMetric('expiring', '1 if the certificate has expired or expires within --warn-days.', ({ state }) =>
    Number(state === 'expiring' || state === 'expired'),
  ),
  certificateMetric(
    'valid',
    '1 if the certificate is within its validity period.',
    ({ notAfter, notYetValid }, { checkedAt }) => Number(!notYetValid && seconds(checkedAt) <= seconds(notAfter)),
  ),
  certificateMetric('disabled', '1 if the certificate is a disabled device CA.', ({ disabled }) => Number(disabled)),
  pkiMetric('unfinished', '1 if an interrupted command waits to be resumed.', ({ unfinished }) =>
    Number(unfinished !== null),
  ),
  pkiMetric('backup_made_seconds', 'Time of the newest backup, as a Unix timestamp; 0 if there is none.', (pki) =>
    seconds(pki.backup?.madeAt ?? null),
  ),
  pkiMetric('backup_proved_seconds', 'Time of the last check of that backup, as a Unix timestamp; 0 if never.', (pki) =>
    seconds(pki.backup?.provedAt ?? null),
  ),
  pkiMetric('backup_root_key_proved', '1 if the root key in the backup passed the last check.', ({ backup }) =>
    Number((backup?.provedAt ?? null) !== null && backup?.rootKeyUnproven === null),
  ),
  pkiMetric('backup_due', '1 if there is no backup newer than --backup-days.', ({ backupDue }) => Number(backupDue)),
  deviceMetric('count', 'Number of devices in the device register.', ({ devices }) => devices),
  deviceMetric('production', 'Number of these in production.', ({ production }) => production),
  deviceMetric('certificates', 'Number of certificates ever recorded.', ({ certificates }) => certificates),
  deviceMetric(
    'expiring',
    'Number of devices whose certificate expires within --warn-days.',
    ({ expiring }) => expiring,
  ),
  deviceMetric('denied', 'Number of devices that are denied.', ({ denied }) => denied),
  deviceMetric(
    'unconfirmed',
    'Number of devices with a renewed certificate that was not seen yet.',
    ({ unconfirmed }) => unconfirmed,
  ),
  {
    name: 'fpki_devices_expiring_by_month',
    help: 'Number of devices whose certificate expires in this month (UTC).',
    samples: ({ pkis }) =>
      pkis.flatMap((pki) =>
        (pki.devices?.expiringByMonth ?? []).map(({ month, devices }) => ({
          labels: { ...labelsOf(pki), month },
          value: devices,
        })),
      ),
  },
  pkiMetric('problems', 'Number of missing or unreadable files.', ({ problems }) => problems.length),
  {
    name: 'fpki_status_checked_seconds',
    help: 'Time of this report, as a Unix timestamp.',
    samples: ({ checkedAt }) => [{ labels: {}, value: seconds(checkedAt) }],
  },
]

/** Metrics in the Prometheus text format 0.0.4, for the textfile collector of node_exporter. */
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

/** Only for directories with a device register. */
function deviceMetric(
  name: string,
  help: string,
  value: (devices: NonNullable<PkiStatus['devices']>) => number,
): Metric {
  return {
    name: `fpki_devices_${name}`,
    help,
    samples: ({ pkis }) =>
      pkis.flatMap((pki) => (pki.devices === null ? [] : [{ labels: labelsOf(pki), value: value(pki.devices) }])),
  }
}

function labelsOf({ factory, directory }: PkiStatus): Readonly<Record<string, string>> {
  return { factory: factory ?? '', directory: directory ?? '' }
}

/** Escapes control characters; prom-client escapes what the format requires. */
function printableLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, printable(value)]))
}

function seconds(time: string | null): number {
  return time === null ? 0 : Date.parse(time) / 1000
}
