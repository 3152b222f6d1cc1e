// The other side of npm run bench:renewal: a route that verifies the client's certificate with the key of the CA, imports the key
// of the request, verifies, signs and verifies, and nothing else. Arguments: the folder of its key and certificate; its answer
// is on stdin.
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fastify } from 'fastify'

const [, , folder] = process.argv
const read = (name) => readFileSync(join(folder, name))
const tls = { key: read('server.key'), cert: read('server.pem'), requestCert: true, rejectUnauthorized: false }
const answer = readFileSync(0)
const privateKey = createPrivateKey(read('acme/local-ca.key'))
const publicKey = createPublicKey(privateKey)

/** The content of the first element, the element itself, and what is after it. */
function element(octets) {
  const [size, start] =
    octets[1] < 128 ? [octets[1], 2] : octets[1] === 0x81 ? [octets[2], 3] : [octets.readUInt16BE(2), 4]
  const end = start + size
  return { whole: octets.subarray(0, end), content: octets.subarray(start, end), rest: octets.subarray(end) }
}

function certify(octets) {
  const info = element(element(octets).content)
  const signature = element(element(info.rest).rest).content.subarray(1)
  const spki = element(element(element(info.content).rest).rest).whole
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  if (!verify('sha256', info.whole, key, signature)) throw new Error('a bad request')
  if (!verify('sha256', info.whole, publicKey, sign('sha256', info.whole, privateKey)))
    throw new Error('a bad signature')
}

const app = fastify({ https: tls })
app.addContentTypeParser('application/pkcs10', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
app.post('/.well-known/est/simplereenroll', async ({ body, raw }, reply) => {
  if (!raw.socket.getPeerX509Certificate().verify(publicKey)) throw new Error('a bad client')
  certify(Buffer.from(body.toString('latin1'), 'base64'))
  return reply.code(200).header('Content-Type', 'application/pkcs7-mime; smime-type=certs-only').send(answer)
})
await app.listen({ host: '127.0.0.1', port: 0 })
process.stderr.write(`at https://127.0.0.1:${app.server.address().port}\n`)
