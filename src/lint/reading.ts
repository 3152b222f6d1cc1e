import type { ReadingCode, Severity } from './model.js'

/** The problems found while parsing, before the rules. */
export const READING: Readonly<Record<ReadingCode, { readonly severity: Severity; readonly cite: string }>> = {
  'nothing-found': { severity: 'error', cite: 'RFC 7468 5 to 7' },
  'too-large': { severity: 'error', cite: 'docs/profile.md#reading' },
  'pem-broken': { severity: 'error', cite: 'RFC 7468 2' },
  'pem-label': { severity: 'warning', cite: 'RFC 7468 5 to 7' },
  broken: { severity: 'error', cite: 'RFC 5280 4.1; RFC 2986 4; X.690' },
  'not-der': { severity: 'error', cite: 'X.690 10 and 11; RFC 5280 4.1' },
  'trailing-octets': { severity: 'error', cite: 'docs/profile.md#reading' },
  'algorithm-parameters': { severity: 'error', cite: 'RFC 5758 3.2; RFC 4055 5' },
  'name-broken': { severity: 'error', cite: 'RFC 5280 4.1.2.4 and appendix A.1' },
  'extension-broken': { severity: 'error', cite: 'RFC 5280 4.2' },
  'extension-twice': { severity: 'error', cite: 'RFC 5280 4.2' },
  'crl-broken': { severity: 'error', cite: 'RFC 5280 5.1' },
}
