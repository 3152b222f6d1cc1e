// The other side of npm run bench:registration: a route that imports the key of the request, verifies, signs and verifies, and
// nothing else. Arguments: fastify or node, https or http, the folder of its key and certificate; its answer is on stdin.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { fastify } from 'fastify'
import { certifier } from './certify.mjs'

const [, , server, scheme, folder] = process.argv
const answer = readFileSync(0)
const { tls, certify: certifyDer } = certifier(folder)

function certify({ csr }) {
  certifyDer(Buffer.from(csr.replace(/-----[^-]+-----/g, ''), 'base64'))
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
