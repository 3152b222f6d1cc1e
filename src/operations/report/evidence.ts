import type { Evidence } from './model.js'

/** The sections of a report, by the names that {@link Evidence} cites. */
export const SECTION_TITLES = {
  summary: 'Summary',
  hierarchy: 'Hierarchy',
  keys: 'Who holds which key',
  validity: 'Validity',
  certificates: 'Certificates',
  findings: 'Findings of the audit',
  lint: 'Findings of lint',
  deviations: 'Deviations from the profile',
  log: 'Audit log',
  backup: 'Backup',
  devices: 'Devices by line and month',
  evidence: 'Standards: which evidence answers which heading',
} as const

/** See {@link SECTION_TITLES}. */
export type SectionId = keyof typeof SECTION_TITLES

type Heading = readonly [heading: string, title: string, sections: readonly SectionId[]]

/**
 * Numbers and titles are those of these editions; those of the regulation have no titles, and are in its words. A heading is here
 * only where what it asks for is in the report: not those on passwords or guidelines.
 */
const HEADINGS: Readonly<Record<string, readonly Heading[]>> = {
  'IEC 62443-4-1:2018': [
    ['SM-6', 'File integrity', ['certificates', 'log']],
    ['SM-7', 'Development environment security', ['keys', 'log', 'backup']],
    ['SM-8', 'Controls for private keys', ['keys', 'log', 'backup']],
  ],
  'IEC 62443-4-2:2019': [
    ['CR 1.2', 'Software process and device identification and authentication', ['hierarchy', 'devices']],
    ['CR 1.5', 'Authenticator management', ['keys', 'validity', 'devices']],
    ['CR 1.8', 'Public key infrastructure certificates', ['hierarchy', 'certificates', 'lint', 'deviations']],
    ['CR 1.9', 'Strength of public key-based authentication', ['certificates', 'lint']],
    ['CR 2.8', 'Auditable events', ['log']],
    ['CR 2.12', 'Non-repudiation', ['log']],
    ['CR 3.9', 'Protection of audit information', ['log']],
    ['CR 4.3', 'Use of cryptography', ['certificates', 'lint']],
    ['CR 7.3', 'Control system backup', ['backup']],
    ['EDR 3.12', 'Provisioning product supplier roots of trust', ['hierarchy', 'certificates']],
  ],
  'ETSI EN 303 645 V3.1.3': [
    // Provision 5.4-4: parameters that are unique for each device.
    ['5.4', 'Securely store sensitive security parameters', ['devices']],
    // Provisions 5.5-1, best practice cryptography, and 5.5-8, management of critical security parameters.
    ['5.5', 'Communicate securely', ['keys', 'certificates', 'lint', 'backup']],
  ],
  'Cyber Resilience Act, Regulation (EU) 2024/2847': [
    ['Annex I, Part I, (2)(d)', 'Protection from unauthorised access', ['hierarchy', 'keys', 'devices']],
    ['Annex I, Part I, (2)(e)', 'Confidentiality of data', ['certificates', 'lint']],
    ['Annex I, Part I, (2)(f)', 'Integrity of data', ['certificates', 'log']],
    ['Annex I, Part I, (2)(l)', 'Recording and monitoring of internal activity', ['log']],
    ['Article 31, Annex VII', 'Technical documentation', ['summary', 'hierarchy', 'certificates', 'findings']],
  ],
}

/** Which sections answer which headings of standards. It says where to look, and not that anything conforms. */
export const EVIDENCE: readonly Evidence[] = Object.entries(HEADINGS).flatMap(([standard, headings]) =>
  headings.map(([heading, title, sections]) => ({ standard, heading, title, sections: [...sections] })),
)
