import type { Certificate } from '../../pki/read-certificate.js'

const EXTENSIONS = ['keyUsage', 'extKeyUsage', 'authorityKeyIdentifier', 'subjectKeyIdentifier']

/** Why the extensions are not those that devices have, and no others (docs/profile.md#device), as a clause; null: they are. */
export function deviceProfileProblem({ extensions, parsedExtensions: known }: Certificate): string | null {
  const other = extensions.find(({ type }) => !EXTENSIONS.includes(type))
  if (other !== undefined) return `it has the extension ${other.type}`
  const weak = extensions.find(({ type, critical }) => type.endsWith('sage') && !critical)
  if (weak !== undefined) return `its ${weak.type} is not critical`
  if (known.keyUsage?.join() !== 'digitalSignature') return 'its keyUsage is not digitalSignature'
  return known.extKeyUsage?.join() === 'clientAuth' ? null : 'its extKeyUsage is not clientAuth'
}
