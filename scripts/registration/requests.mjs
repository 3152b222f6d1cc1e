// Registrations as lmp-device-register sends them, each of a device with a key of its own.
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'

/** The members of the subject, UTF8String; the UUID is put in later. */
const UUID = '0'.repeat(36)
/** The extensionRequest of the vectors: critical digitalSignature and clientAuth. */
const ATTRIBUTES = Buffer.from(
  'a039303706092a864886f70d01090e312a3028300e0603551d0f0101ff04040302078030160603551d250101ff040c300a06082b06010505070302',
  'hex',
)
const ECDSA_SHA256 = Buffer.from('300a06082a8648ce3d040302', 'hex')
const OVERRIDES = {
  pacman: { type: '"ostree+compose_apps"', compose_apps_root: '"/var/sota/compose-apps"', tags: '"main"' },
}

function der(tag, ...parts) {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function attribute(oid, value) {
  return der(0x31, der(0x30, der(0x06, Buffer.from(oid, 'hex')), der(0x0c, Buffer.from(value))))
}

/** A function that makes a certificate request (DER) of a device, with a new key; by default of a new device. */
export function requestMaker(factory) {
  const subject = der(0x30, attribute('550403', UUID), attribute('55040b', factory))
  const spkiLength = 91
  const info = der(0x30, Buffer.from('020100', 'hex'), subject, Buffer.alloc(spkiLength), ATTRIBUTES)
  const at = { uuid: info.indexOf(UUID), spki: info.length - ATTRIBUTES.length - spkiLength }
  return (uuid = randomUUID()) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    info.write(uuid, at.uuid, 'latin1')
    publicKey.export({ format: 'der', type: 'spki' }).copy(info, at.spki)
    const signature = der(0x03, Buffer.from([0]), sign('sha256', info, privateKey))
    return { uuid, der: der(0x30, info, ECDSA_SHA256, signature), privateKey }
  }
}

/** A request as PEM. */
export function pemOf(request) {
  const lines = request.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines}\n-----END CERTIFICATE REQUEST-----\n`
}

/** A function that makes the JSON body of the registration of a new device. */
export function bodyMaker(factory) {
  const newRequest = requestMaker(factory)
  return () => {
    const { uuid, der: request } = newRequest()
    const csr = pemOf(request)
    const members = {
      ...{ 'use-ostree-server': 'true', 'sota-config-dir': '/var/sota', 'hardware-id': 'intel-corei7-64' },
      ...{ name: uuid, uuid, csr, overrides: OVERRIDES },
    }
    return `${JSON.stringify(members, null, 4).replaceAll('/', '\\/')}\n`
  }
}

/** A request of HTTP/1.1, ready to be written. */
export function httpRequest(body, token, { close = false } = {}) {
  const headers = [
    ...['POST /sign HTTP/1.1', 'Host: localhost', 'Accept: */*', 'Content-type: application/json'],
    ...[`OSF-TOKEN: ${token}`, `Content-Length: ${Buffer.byteLength(body)}`, ...(close ? ['Connection: close'] : [])],
  ]
  return Buffer.from(`${headers.join('\r\n')}\r\n\r\n${body}`)
}
