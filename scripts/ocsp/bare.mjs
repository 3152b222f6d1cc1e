// The floor of npm run bench:ocsp: a server of Node that reads a request and answers it with the same octets each time, without
// a register, a signature or a check. Arguments: `http` for node:http, `net` for a socket alone; the port.
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'

const [, , kind, port] = process.argv
/** As long as an OCSP response with the certificate of its responder. */
const ANSWER = Buffer.alloc(750)
const HEAD = `HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nContent-Length: ${ANSWER.length}\r\n`
const OCTETS = Buffer.concat([Buffer.from(`${HEAD}Connection: close\r\n\r\n`), ANSWER])

const servers = {
  http: () =>
    createHttpServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(200, { 'Content-Type': 'application/ocsp-response', 'Content-Length': ANSWER.length })
        response.end(ANSWER)
      })
    }),
  net: () => createServer({ noDelay: true }, (socket) => socket.once('data', () => socket.end(OCTETS))),
}
servers[kind]().listen(Number(port), '127.0.0.1', () => console.log('Answering OCSP requests'))
