import { request } from 'node:http'

/** An answer to fioctl. */
export interface FioctlAnswer {
  readonly status: number
  readonly body: unknown
}

/** The requests that fioctl makes about devices (foundriesio/fioctl, client/foundries_device.go), and that of a registration service. */
export interface Fioctl {
  /** `devices list`; the parameters are in the order of Go's url.Values. */
  list(filterBy?: Readonly<Record<string, string>>, page?: number, limit?: number): Promise<FioctlAnswer>
  /** `devices show`, with `--by-uuid` too. */
  show(name: string, byUuid?: boolean): Promise<FioctlAnswer>
  rename(name: string, newName: string, byUuid?: boolean): Promise<FioctlAnswer>
  delete(name: string, byUuid?: boolean): Promise<FioctlAnswer>
  listDenied(page?: number, limit?: number): Promise<FioctlAnswer>
  deleteDenied(uuid: string): Promise<FioctlAnswer>
  /** `PUT /ota/devices/` of factory-registration-ref. */
  put(device: Readonly<Record<string, unknown>>): Promise<FioctlAnswer>
  /** Any request; the path is sent as it is. */
  call(method: string, path: string, body?: string): Promise<FioctlAnswer>
}

/** fioctl with a token, for the factory acme. */
export function fioctl(url: string, token: string | null): Fioctl {
  const call = (method: string, path: string, body?: string) => send(new URL(url), { method, path, token, body })
  const of = (name: string, byUuid = false) => `/ota/devices/${name}/?factory=acme${byUuid ? '&by-uuid=1' : ''}`
  return {
    call,
    list: (filterBy = {}, page = 1, limit = 500) => {
      const query = new URLSearchParams({ factory: 'acme', ...filterBy })
      if (page > 1) query.set('page', String(page))
      query.set('limit', String(limit))
      query.sort()
      return call('GET', `/ota/devices/?${query}`)
    },
    show: (name, byUuid) => call('GET', of(name, byUuid)),
    rename: (name, newName, byUuid) => call('PATCH', of(name, byUuid), JSON.stringify({ name: newName })),
    delete: (name, byUuid) => call('DELETE', of(name, byUuid)),
    listDenied: (page = 1, limit = 500) =>
      call('GET', `/ota/factories/acme/denied-devices/?limit=${limit}&page=${page}`),
    deleteDenied: (uuid) => call('DELETE', `/ota/factories/acme/denied-devices/${uuid}/`),
    put: (device) => call('PUT', '/ota/devices/', JSON.stringify(device)),
  }
}

interface Sent {
  readonly method: string
  readonly path: string
  readonly token: string | null
  readonly body: string | undefined
}

/** Like Go: PATCH and DELETE have the type of a body, and DELETE has none and no length of one. */
function send({ hostname, port }: URL, { method, path, token, body }: Sent): Promise<FioctlAnswer> {
  const headers = {
    'User-Agent': 'fioctl-2',
    ...(token === null ? {} : { 'OSF-TOKEN': token }),
    ...(method === 'GET' ? {} : { 'Content-Type': 'application/json' }),
    ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }),
  }
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (more: string) => {
        text += more
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: text === '' ? null : JSON.parse(text) }),
      )
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
