import { parseDer } from '../../pki/der.js'
import { type Name, readName } from '../../pki/name.js'
import { loadX509 } from './library.js'

/** A name of CN and OU, in that order, both UTF8String (docs/profile.md#subjects: mbedTLS-based devices require this). */
export async function commonNameAndUnit(commonName: string, organizationalUnit: string): Promise<Name> {
  const x509 = await loadX509()
  const name = new x509.Name([{ CN: [{ utf8String: commonName }] }, { OU: [{ utf8String: organizationalUnit }] }])
  return readName(parseDer(new Uint8Array(name.toArrayBuffer())))
}
