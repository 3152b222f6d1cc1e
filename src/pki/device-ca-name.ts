import { attributeValues, type Name } from './name.js'

/**
 * Whether a Factory API accepts a device CA with this subject (docs/profile.md#device-ca): a local-ca (CN=fio-<user id>), or online-ca,
 * whose key the API holds.
 */
export function isDeviceCaName(subject: Name): boolean {
  return attributeValues(subject, 'CN').some((name) => name === 'online-ca' || name.startsWith('fio-'))
}

/** Why a Factory API would reject this subject, as a clause; null if it would not. */
export function deviceCaNameProblem(subject: Name, expectedName = 'fio-<user id>'): string | null {
  if (isDeviceCaName(subject)) return null
  const names = attributeValues(subject, 'CN')
  const actual = names.length === 0 ? 'no CN' : names.map((name) => `CN=${name}`).join(', ')
  return `its subject has ${actual}; the Factory API accepts a device CA only with CN=${expectedName} (like local-ca.pem), unless the key is its own`
}
