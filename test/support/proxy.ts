import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { onTestFinished } from 'vitest'

/** A proxy that leads every CONNECT to `port` of this machine, and writes down where to. */
export async function startProxy(port: number, status = '200 OK') {
  const asked: { readonly to: string; readonly authorization: string | undefined }[] = []
  const server = createServer().on('connect', (request, socket) => {
    asked.push({ to: request.url ?? '', authorization: request.headers['proxy-authorization'] })
    socket.write(`HTTP/1.1 ${status}\r\n\r\n`)
    if (status !== '200 OK') return void socket.end()
    const target = connect(port, '127.0.0.1')
    for (const end of [socket, target]) end.on('error', () => undefined)
    target.pipe(socket).pipe(target)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { at: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}
