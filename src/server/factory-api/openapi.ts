import * as z from 'zod/mini'
import { wireCertificates, wireCsrOrder, wireCsrs, wireError, wireUpdate, wireUser } from '../../factory/wire.js'

const SCHEMAS = {
  Certificates: [wireCertificates, 'The certificates of a factory, PEM.'],
  CsrOrder: [wireCsrOrder, 'Which keys and requests the server is to make.'],
  Csrs: [wireCsrs, 'The requests that were asked for, PEM.'],
  Update: [wireUpdate, 'New certificates; what is left out stays. ca-crt replaces the whole list.'],
  User: [wireUser, 'The caller.'],
  Error: [wireError, 'Why not.'],
} as const

type SchemaName = keyof typeof SCHEMAS

/** The API that is served, as an OpenAPI 3.1 document whose schemas are those that requests and answers are held to. */
export function openApi(version: string): unknown {
  return {
    openapi: '3.1.0',
    info: { title: 'Factory API', version, description: 'The embedded Factory API of fpki, served over HTTP.' },
    security: [{ osfToken: [] }, { bearer: [] }],
    paths: {
      '/ota/factories/{factory}/certs/': { parameters: [inPath('factory')], ...CERTS },
      '/ota/factories/{factory}/users/{id}/': {
        parameters: [inPath('factory'), inPath('id')],
        get: operation('getUser', 'Who is asking; {id} is self.', { 200: 'User' }),
      },
      '/oauth/token/': { post: TOKEN },
      '/healthz': { get: open('getHealth', 'Can the state be read?', 'application/json') },
      '/metrics': { get: open('getMetrics', 'For Prometheus.', 'text/plain') },
      '/openapi.json': { get: open('getOpenApi', 'This document.', 'application/json') },
    },
    components: {
      securitySchemes: {
        osfToken: { type: 'apiKey', in: 'header', name: 'OSF-TOKEN' },
        bearer: { type: 'http', scheme: 'bearer', description: 'The token in base64.' },
      },
      schemas: Object.fromEntries(
        Object.entries(SCHEMAS).map(([name, [schema, text]]) => [name, described(schema, text)]),
      ),
    },
  }
}

const CERTS = {
  get: operation('getCertificates', 'What is known; 206: the PKI is not configured yet.', {
    200: 'Certificates',
    206: 'Error',
  }),
  post: {
    ...operation('requestCsrs', 'Has keys made; with first-time-init it fails when the root is set.', {
      201: 'Csrs',
      409: 'Error',
    }),
    requestBody: json('CsrOrder'),
  },
  patch: {
    ...operation('updateCertificates', 'Sets certificates; the root once only.', {
      202: null,
      409: 'Error',
      412: 'Error',
    }),
    parameters: [
      {
        name: 'If-Match',
        in: 'header',
        required: false,
        description: 'The ETag of GET: with another version there, nothing is changed and the answer is 412.',
        schema: { type: 'string' },
      },
    ],
    requestBody: json('Update'),
  },
}

const TOKEN = {
  operationId: 'getToken',
  summary: 'OAuth client credentials: the id of a token, and the token as the secret.',
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
    400: { description: 'Not understood.' },
    401: { description: 'No.' },
  },
}

function operation(operationId: string, summary: string, answers: Readonly<Record<number, SchemaName | null>>) {
  const refusals = { 400: 'Error', 401: 'Error', 403: 'Error', 404: 'Error', 413: 'Error', 503: 'Error' } as const
  const responses = Object.entries({ ...refusals, ...answers }).map(([status, name]) => [
    status,
    {
      description: name === null ? 'Done.' : SCHEMAS[name][1],
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

function described(schema: z.ZodMiniType, description: string) {
  const { $schema, ...plain } = z.toJSONSchema(schema, { io: 'input' })
  return { description, ...plain }
}
