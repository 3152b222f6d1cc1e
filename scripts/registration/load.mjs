// The load client: it writes requests that were made before, and reads no more of an answer than its end.
import { connect as connectPlain } from 'node:net'
import { connect as connectTls, createSecureContext } from 'node:tls'

/**
 * Sends each of `requests`, one after the other on each of `connections`, until the time is up or all are answered.
 *
 * @param requests octets; or the octets with the key and certificate of the client that sends them
 * @param reconnects whether every request has a connection of its own
 */
export async function load({ port, ca }, requests, { connections, seconds, reconnects = false }) {
  const seen = { times: [], statuses: {}, lost: 0, last: '' }
  // Reading what is trusted for each connection would cost as much as the handshake.
  const shared = ca === null || requests[0]?.key !== undefined ? undefined : createSecureContext({ ca })
  const cpu = process.cpuUsage()
  const begin = performance.now()
  const end = begin + seconds * 1000
  let next = 0
  const take = () => (next < requests.length && performance.now() < end ? requests[next++] : undefined)
  const open = ({ key, cert }) => {
    const address = { port, host: '127.0.0.1', noDelay: true }
    if (ca === null) return connectPlain(address)
    const secureContext = shared ?? createSecureContext({ ca, key, cert })
    return connectTls({ ...address, servername: 'localhost', secureContext })
  }

  /** Resolves to whether there may be more to do. */
  const connection = () =>
    new Promise((resolve) => {
      let request = take()
      if (request === undefined) return void resolve(false)
      let sent = performance.now()
      let chunks = []
      let missing = -1
      const socket = open(request)
      const ask = () => {
        if (!reconnects) sent = performance.now()
        socket.write(request.octets ?? request)
      }
      const answered = () => {
        const text = Buffer.concat(chunks).toString('latin1')
        seen.times.push(performance.now() - sent)
        const status = text.slice(9, 12)
        seen.statuses[status] = (seen.statuses[status] ?? 0) + 1
        seen.last = text
        ;[chunks, missing, request] = [[], -1, reconnects ? undefined : take()]
        if (request === undefined) socket.destroy()
        else ask()
      }
      socket.once(ca === null ? 'connect' : 'secureConnect', ask)
      socket.on('data', (chunk) => {
        chunks.push(chunk)
        if (missing === -1) missing = lengthOf(Buffer.concat(chunks))
        else missing -= chunk.length
        if (missing === 0) answered()
      })
      socket.on('error', () => undefined)
      socket.once('close', () => {
        if (request !== undefined) seen.lost += 1
        resolve(true)
      })
    })
  const lane = async () => {
    while (await connection());
  }
  await Promise.all(Array.from({ length: connections }, lane))
  const spent = (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { ...seen, seconds: spent, rate: seen.times.length / spent, busy: (user + system) / 1e6 / spent }
}

/** The body of the last answer of a run. */
export function bodyOf({ last }) {
  return last.slice(last.indexOf('\r\n\r\n') + 4)
}

/** How many octets of an answer are missing; -1: its head is not complete. */
function lengthOf(octets) {
  const head = octets.indexOf('\r\n\r\n')
  if (head === -1) return -1
  const [, length] = /content-length: (\d+)/i.exec(octets.toString('latin1', 0, head)) ?? [null, 0]
  return head + 4 + Number(length) - octets.length
}
