// The other side of npm run bench:renewal: a route that verifies the client's certificate with the key of the CA, imports the key
// of the request, verifies, signs and verifies, and nothing else. Arguments: the folder of its key and certificate; its answer
// is on stdin.
import { readFileSync } from 'node:fs'
import { fastify } from 'fastify'
import { certifier } from '../registration/certify.mjs'

const [, , folder] = process.argv
const answer = readFileSync(0)
const { tls, publicKey, certify } = certifier(folder)

const app = fastify({ https: tls })
app.addContentTypeParser('application/pkcs10', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
app.post('/.well-known/est/simplereenroll', async ({ body, raw }, reply) => {
  if (!raw.socket.getPeerX509Certificate().verify(publicKey)) throw new Error('a bad client')
  certify(Buffer.from(body.toString('latin1'), 'base64'))
  return reply.code(200).header('Content-Type', 'application/pkcs7-mime; smime-type=certs-only').send(answer)
})
await app.listen({ host: '127.0.0.1', port: 0 })
process.stderr.write(`at https://127.0.0.1:${app.server.address().port}\n`)
