// The cryptography of the bare routes: what any server that issues certificates of devices has to do, and nothing else.
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The content of the first element, the element itself, and what is after it. */
function element(octets) {
  const [size, start] =
    octets[1] < 128 ? [octets[1], 2] : octets[1] === 0x81 ? [octets[2], 3] : [octets.readUInt16BE(2), 4]
  const end = start + size
  return { whole: octets.subarray(0, end), content: octets.subarray(start, end), rest: octets.subarray(end) }
}

/**
 * With the keys in a folder: the settings of TLS, the public key of local-ca, and a function that imports the key of a request
 * (DER), verifies, signs and verifies.
 */
export function certifier(folder) {
  const read = (name) => readFileSync(join(folder, name))
  const tls = { key: read('server.key'), cert: read('server.pem'), requestCert: true, rejectUnauthorized: false }
  const privateKey = createPrivateKey(read('acme/local-ca.key'))
  const publicKey = createPublicKey(privateKey)
  const certify = (octets) => {
    const info = element(element(octets).content)
    const signature = element(element(info.rest).rest).content.subarray(1)
    const spki = element(element(element(info.content).rest).rest).whole
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    if (!verify('sha256', info.whole, key, signature)) throw new Error('a bad request')
    if (!verify('sha256', info.whole, publicKey, sign('sha256', info.whole, privateKey)))
      throw new Error('a bad signature')
  }
  return { tls, publicKey, certify }
}
