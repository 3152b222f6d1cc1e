import type { Outcome, RecordOrder } from './commit.js'
import type { Entry } from './decide.js'
import { type DenialReason, ON_HOLD } from './denial.js'
import type { Ids } from './ids.js'
import type { DeviceRegister, ImportedCertificate, ImportOutcome } from './register.js'

/** What is recorded of imported certificates besides themselves. */
type Changes = Pick<DeviceRegister, 'seen' | 'deny'>

/**
 * Imports certificates, then what happened to them. When the process ends in between, the same import again denies what is to be
 * denied.
 */
export function certificateImports(
  record: RecordOrder,
  ids: Ids,
  { seen, deny }: Changes,
): DeviceRegister['importCertificates'] {
  return async (certificates) => {
    const outcomes = await importAll(record, ids, certificates)
    const isImported = (_: unknown, at: number) => outcomes[at]?.kind === 'imported'
    await seen(
      certificates
        .filter(isImported)
        .flatMap(({ serial, seenAt }) => (seenAt === null ? [] : [{ serial, at: seenAt }])),
    )
    for (const [at, { uuid, denied }] of certificates.entries()) {
      const kind = outcomes[at]?.kind
      if (denied === null || (kind !== 'imported' && kind !== 'existing')) continue
      // A file that was changed must not deny for ever what this register knew already.
      const reason: DenialReason = kind === 'imported' ? denied.reason : ON_HOLD
      await deny([uuid], { reason, at: denied.at, announce: false })
    }
    return outcomes
  }
}

/** One transaction for each line, because each line has a quota. */
async function importAll(
  record: RecordOrder,
  ids: Ids,
  certificates: readonly ImportedCertificate[],
): Promise<readonly ImportOutcome[]> {
  const outcomes = new Map<ImportedCertificate, Outcome>()
  for (const name of new Set(certificates.map(({ line }) => line))) {
    const own = certificates.filter(({ line }) => line === name)
    const entries: Entry[] = []
    for (const certificate of own) {
      const { issuedAt, state, endedAt } = certificate
      const ca = await ids.ca(certificate.ca)
      entries.push({ certificate: { ...certificate, proof: null }, issuedAt, state, endedAt, ca })
    }
    const line = { id: await ids.line(name), name }
    const recorded = await record({ line, entries, by: 'kit', at: 0, announce: false })
    for (const [at, certificate] of own.entries()) outcomes.set(certificate, recorded[at] ?? null)
  }
  return certificates.map((certificate) => {
    const outcome = outcomes.get(certificate) ?? null
    if (outcome === null) return { kind: 'imported' }
    return outcome.kind === 'existing' ? { kind: 'existing' } : outcome
  })
}
