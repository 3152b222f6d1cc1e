import { attributeValues, type Name } from './name.js'

/**
 * Can a device CA with this subject be one that a Factory API takes (docs/profile.md#device-ca)? It takes a local-ca,
 * CN=fio-<user id>, and online-ca, whose key is its own.
 */
export function isDeviceCaName(subject: Name): boolean {
  return attributeValues(subject, 'CN').some((name) => name === 'online-ca' || name.startsWith('fio-'))
}

/** What is wrong with any other subject, a clause. `wanted` is the CN, where it is known. */
export function deviceCaNameProblem(subject: Name, wanted = 'fio-<user id>'): string | null {
  if (isDeviceCaName(subject)) return null
  const names = attributeValues(subject, 'CN')
  const found = names.length === 0 ? 'no CN' : names.map((name) => `CN=${name}`).join(', ')
  return `its subject has ${found}; unless its key is the Factory API's own, the API takes a device CA only with CN=${wanted}, as local-ca.pem has`
}
