import * as z from 'zod/mini'
import { wireCertificates, wireCsrOrder, wireCsrs, wireError, wireUpdate, wireUser } from '../../factory/wire.js'
import { wireDevice, wireDeviceChange, wireDeviceList, wireNewDevice } from '../../operations/device-api/wire.js'

const SCHEMAS = {
  Certificates: [wireCertificates, 'The certificates of a factory (PEM).'],
  CsrOrder: [wireCsrOrder, 'The keys and certificate requests to create.'],
  Csrs: [wireCsrs, 'The created certificate requests (PEM).'],
  Update: [wireUpdate, 'New certificates; absent members do not change. ca-crt replaces the whole list.'],
  User: [wireUser, 'The caller.'],
  Device: [wireDevice, 'A device.'],
  DeviceList: [wireDeviceList, 'A page of devices; next is the URL of the next one.'],
  NewDevice: [wireNewDevice, 'The certificate of a device (PEM).'],
  DeviceChange: [wireDeviceChange, 'The new name of a device.'],
  Error: [wireError, 'The reason for refusing the request.'],
} as const

type SchemaName = keyof typeof SCHEMAS

/** The OpenAPI 3.1 document of the served API, generated from the schemas that validate requests and responses. */
export function openApi(version: string): unknown {
  return {
    openapi: '3.1.0',
    info: { title: 'Factory API', version, description: 'The embedded Factory API of fpki, served over HTTP.' },
    security: [{ osfToken: [] }, { bearer: [] }],
    paths: {
      '/ota/factories/{factory}/certs/': { parameters: [inPath('factory')], ...CERTS },
      '/ota/factories/{factory}/users/{id}/': {
        parameters: [inPath('factory'), inPath('id')],
        get: operation('getUser', 'The caller; {id} is self.', { 200: 'User' }),
      },
      ...devicePaths(),
      '/oauth/token/': { post: TOKEN },
      '/healthz': { get: open('getHealth', 'Health check: whether the state is readable.', 'application/json') },
      '/metrics': { get: open('getMetrics', 'Prometheus metrics.', 'text/plain') },
      '/openapi.json': { get: open('getOpenApi', 'This document.', 'application/json') },
    },
    components: {
      securitySchemes: {
        osfToken: { type: 'apiKey', in: 'header', name: 'OSF-TOKEN' },
        bearer: { type: 'http', scheme: 'bearer', description: 'The token, base64-encoded.' },
      },
      schemas: Object.fromEntries(
        Object.entries(SCHEMAS).map(([name, [schema, text]]) => [name, described(schema, text)]),
      ),
    },
  }
}

const CERTS = {
  get: operation('getCertificates', 'The certificates; 206 when the PKI is not configured yet.', {
    200: 'Certificates',
    206: 'Error',
  }),
  post: {
    ...operation(
      'requestCsrs',
      'Creates keys and certificate requests; with first-time-init, fails when the root is already set.',
      {
        201: 'Csrs',
        409: 'Error',
      },
    ),
    requestBody: json('CsrOrder'),
  },
  patch: {
    ...operation('updateCertificates', 'Sets certificates; the root only once.', {
      202: null,
      409: 'Error',
      412: 'Error',
    }),
    parameters: [
      {
        name: 'If-Match',
        in: 'header',
        required: false,
        description: 'The ETag of GET. If the version differs, nothing is changed and the status is 412.',
        schema: { type: 'string' },
      },
    ],
    requestBody: json('Update'),
  },
}

const PAGE = ['limit', 'page'].map(inQuery)
const LIST = [
  ...['factory', 'uuid', 'group', 'name', 'name_ilike', 'prod', 'match_tag', 'target_name', 'sortby'].map(inQuery),
  ...PAGE,
]

function devicePaths() {
  return {
    '/ota/devices/': {
      get: { ...operation('listDevices', 'The devices that are not denied.', { 200: 'DeviceList' }), parameters: LIST },
      put: {
        ...operation('putDevice', 'Registers a device by its certificate.', {
          200: 'Device',
          201: 'Device',
          409: 'Error',
        }),
        requestBody: json('NewDevice'),
      },
    },
    '/ota/devices/{name}/': {
      parameters: [inPath('name'), inQuery('factory'), inQuery('by-uuid')],
      get: operation('getDevice', 'A device by its name; with by-uuid=1 by its UUID.', { 200: 'Device', 409: 'Error' }),
      patch: {
        ...operation('renameDevice', 'Gives a device another name.', { 200: 'Device', 409: 'Error' }),
        requestBody: json('DeviceChange'),
      },
      delete: operation('deleteDevice', 'Denies a device.', { 200: null, 409: 'Error' }),
    },
    '/ota/factories/{factory}/denied-devices/': {
      parameters: [inPath('factory'), ...PAGE],
      get: operation('listDeniedDevices', 'The devices that are denied.', { 200: 'DeviceList' }),
    },
    '/ota/factories/{factory}/denied-devices/{uuid}/': {
      parameters: [inPath('factory'), inPath('uuid')],
      get: operation('getDeniedDevice', 'A device that is denied.', { 200: 'Device' }),
      delete: operation('allowDevice', 'Ends the denial of a device that is on hold.', { 200: null }),
    },
  }
}

const TOKEN = {
  operationId: 'getToken',
  summary: 'OAuth client credentials: the id of an API token, and the token as the secret.',
  security: [],
  requestBody: {
    required: true,
    content: {
      'application/x-www-form-urlencoded': {
        schema: {
          type: 'object',
          required: ['grant_type', 'client_id', 'client_secret'],
          properties: {
            grant_type: { enum: ['client_credentials', 'refresh_token'] },
            client_id: { type: 'string' },
            client_secret: { type: 'string' },
            refresh_token: { type: 'string' },
          },
        },
      },
    },
  },
  responses: {
    200: { description: 'The tokens.' },
    400: { description: 'Invalid request.' },
    401: { description: 'Invalid client credentials.' },
  },
}

function operation(operationId: string, summary: string, answers: Readonly<Record<number, SchemaName | null>>) {
  const refusals = { 400: 'Error', 401: 'Error', 403: 'Error', 404: 'Error', 413: 'Error', 503: 'Error' } as const
  const responses = Object.entries({ ...refusals, ...answers }).map(([status, name]) => [
    status,
    {
      description: name === null ? 'Accepted.' : SCHEMAS[name][1],
      ...(name === null ? {} : { content: json(name).content }),
    },
  ])
  return { operationId, summary, responses: Object.fromEntries(responses) }
}

function open(operationId: string, summary: string, type: string) {
  return { operationId, summary, security: [], responses: { 200: { description: summary, content: { [type]: {} } } } }
}

function json(name: SchemaName) {
  return { required: true, content: { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } } }
}

function inPath(name: string) {
  return { name, in: 'path', required: true, schema: { type: 'string' } }
}

function inQuery(name: string) {
  return { name, in: 'query', required: false, schema: { type: 'string' } }
}

function described(schema: z.ZodMiniType, description: string) {
  const { $schema, ...plain } = z.toJSONSchema(schema, { io: 'input' })
  return { description, ...plain }
}
