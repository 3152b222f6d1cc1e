import { isPem, type PemBlock, pemBlocks } from '../pki/pem.js'
import type { LintItem, Place, ReadingCode, Role } from './model.js'
import { readItem } from './read-item.js'

/** The items of a file. */
export interface ReadFile {
  readonly items: readonly LintItem[]
  /** Whether it contains keys, which lint ignores. */
  readonly hasKey: boolean
}

/** The labels of RFC 7468, and their older equivalents. */
const LABELS: readonly string[] = ['CERTIFICATE', 'CERTIFICATE REQUEST', 'X509 CRL']
const OLD_LABELS: readonly string[] = ['X509 CERTIFICATE', 'NEW CERTIFICATE REQUEST', 'CRL']
const KEY_LABEL = /(PRIVATE KEY|PUBLIC KEY|PARAMETERS)$/

/** Far more blocks than in any real file. */
const MAX_BLOCKS = 2000

/** Whether `octets` may contain something to lint, unlike an image or other text. */
export function isLintable(octets: Uint8Array): boolean {
  return octets[0] === 0x30 || isPem(latin1(octets))
}

/**
 * Parses all certificates, requests and CRLs of a file, PEM or DER. Never throws.
 *
 * @param file the name in findings
 * @param profile the role of its certificates; null to detect it
 */
export function readFileItems(octets: Uint8Array, file: string, profile: Role | null): ReadFile {
  const text = latin1(octets)
  if (!isPem(text)) return { items: [readDer(octets, { file, block: 1 }, profile)], hasKey: false }
  const blocks = pemBlocks(text)
  const items = blocks
    .slice(0, MAX_BLOCKS)
    .flatMap((block, index) => readBlock(block, { file, block: index + 1 }, profile))
  const tooMany =
    blocks.length > MAX_BLOCKS
      ? [
          unreadable(
            { file, block: MAX_BLOCKS + 1 },
            'too-large',
            `it contains ${blocks.length} PEM blocks; lint reads only ${MAX_BLOCKS}`,
          ),
        ]
      : []
  return { items: [...items, ...tooMany], hasKey: blocks.some(({ label }) => KEY_LABEL.test(label)) }
}

/** An item for a file that lint cannot read. */
export function unreadable(place: Place, code: ReadingCode, reason: string): LintItem {
  return { kind: 'unreadable', place, der: new Uint8Array(), problems: [{ code, reason }] }
}

function readDer(octets: Uint8Array, place: Place, profile: Role | null): LintItem {
  if (octets[0] === 0x30) return readItem(octets, place, profile)
  return unreadable(place, 'nothing-found', 'it contains no certificate, request or CRL, neither PEM nor DER')
}

function readBlock({ label, der, problem }: PemBlock, place: Place, profile: Role | null): readonly LintItem[] {
  if (KEY_LABEL.test(label)) return []
  if (der === null) return [unreadable(place, 'pem-broken', `malformed PEM block ${JSON.stringify(label)}: ${problem}`)]
  if (LABELS.includes(label)) return [readItem(der, place, profile)]
  // RFC 7468, section 7: the only old label that other fpki commands accept.
  const rest =
    label === 'NEW CERTIFICATE REQUEST' ? 'an old name of CERTIFICATE REQUEST' : 'which fpki does not support'
  const labelProblem = {
    code: 'pem-label' as const,
    reason: `the PEM block is labelled ${JSON.stringify(label)}, ${rest}`,
  }
  const item = OLD_LABELS.includes(label)
    ? readItem(der, place, profile)
    : unreadable(place, labelProblem.code, labelProblem.reason)
  return [OLD_LABELS.includes(label) ? { ...item, problems: [labelProblem, ...item.problems] } : item]
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1')
}
