// The floor of npm run bench:ocsp: a server of Node that reads a request and answers it with the same octets each time, without
// a register, a signature or a check. Argument: its port.
import { createServer } from 'node:http'

const [, , port] = process.argv
/** As long as an OCSP response with the certificate of its responder. */
const ANSWER = Buffer.alloc(750)

const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response.writeHead(200, { 'Content-Type': 'application/ocsp-response', 'Content-Length': ANSWER.length })
    response.end(ANSWER)
  })
})
server.listen(Number(port), '127.0.0.1', () => console.log('Answering OCSP requests'))
