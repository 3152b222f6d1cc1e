// The other side of npm run bench:registration: a route that imports the key of the request, verifies, signs and verifies, and
// nothing else. Arguments: fastify or node, https or http, the folder of its key and certificate; its answer is on stdin.
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { join } from 'node:path'
import { fastify } from 'fastify'

const [, , server, scheme, folder] = process.argv
const read = (name) => readFileSync(join(folder, name))
const tls = { key: read('server.key'), cert: read('server.pem'), requestCert: true, rejectUnauthorized: false }
const answer = readFileSync(0)
const privateKey = createPrivateKey(read('acme/local-ca.key'))
const publicKey = createPublicKey(privateKey)

/** The content of the first element, and what is after the element. */
function element(octets) {
  const [size, start] =
    octets[1] < 128 ? [octets[1], 2] : octets[1] === 0x81 ? [octets[2], 3] : [octets.readUInt16BE(2), 4]
  const end = start + size
  return { whole: octets.subarray(0, end), content: octets.subarray(start, end), rest: octets.subarray(end) }
}

function certify({ csr }) {
  const octets = Buffer.from(csr.replace(/-----[^-]+-----/g, ''), 'base64')
  const info = element(element(octets).content)
  const signature = element(element(info.rest).rest).content.subarray(1)
  const spki = element(element(element(info.content).rest).rest).whole
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  if (!verify('sha256', info.whole, key, signature)) throw new Error('a bad request')
  if (!verify('sha256', info.whole, publicKey, sign('sha256', info.whole, privateKey)))
    throw new Error('a bad signature')
}

function listening(port) {
  process.stderr.write(`at ${scheme}://127.0.0.1:${port}\n`)
}

if (server === 'fastify') {
  const app = fastify(scheme === 'https' ? { https: tls } : {})
  app.post('/sign', async ({ body }, reply) => {
    certify(body)
    return reply.code(201).header('Content-Type', 'application/json').send(answer)
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  listening(app.server.address().port)
} else {
  const handle = (request, response) => {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      certify(JSON.parse(Buffer.concat(chunks).toString()))
      response.writeHead(201, { 'Content-Type': 'application/json', 'Content-Length': answer.length }).end(answer)
    })
  }
  const app = scheme === 'https' ? createSecureServer(tls, handle) : createServer(handle)
  app.listen(0, '127.0.0.1', () => listening(app.address().port))
}
