import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type * as z from 'zod/mini'
import { keyRef } from '../src/directory/records.js'
import * as library from '../src/index.js'

/** The schemas of docs/json.md, by the headings of their sections. A new document needs a line here and a section there. */
const DOCUMENTS: Readonly<Record<string, z.ZodMiniType>> = {
  'An error': library.errorDocument,
  'fpki --version': library.versionDocument,
  'fpki ca create': library.createPkiResult,
  'fpki ca root-csr': library.createRootCsrResult,
  'fpki ca show': library.showPkiResult,
  'fpki ca add-device-ca': library.addDeviceCaResult,
  'fpki ca revoke-device-ca, disable-device-ca, enable-device-ca': library.changeDeviceCasResult,
  'fpki ca update': library.updateDeviceCasResult,
  'fpki ca rotate-tls, fpki est authorize': library.certifyServerResult,
  'fpki ca sign': library.signRequestResult,
  'fpki devices issue': library.issueDevicesResult,
  'fpki ca import-root': library.importRootResult,
  'fpki ca plan-root-change': library.planRootChangeResult,
  'fpki ca cross-sign': library.crossSignResult,
  'fpki ca renew-root': library.renewRootResult,
  'fpki ca paper': library.printPaperResult,
  'fpki ca paper --restore': library.restorePaperResult,
  'fpki ca export': library.exportP12Result,
  'fpki ca export-kit': library.exportKitResult,
  'fpki devices export': library.exportDevicesResult,
  'fpki devices import': library.importDevicesResult,
  'fpki devices publish': library.publishOutboxResult,
  'fpki devices publish --nginx-map, --crl, --foundries': library.publishListsResult,
  'fpki devices deny, allow': library.changeDenialsResult,
  'fpki devices seen': library.seenDevicesResult,
  'fpki devices ocsp-export': library.exportAnswersResult,
  'fpki ca backup --out': library.backupPkiResult,
  'fpki ca backup --check': library.checkBackupResult,
  'fpki ca restore': library.restorePkiResult,
  'fpki ca resume, with nothing to resume': library.nothingToResume,
  'fpki ca abandon': library.abandonWorkResult,
  'fpki ca log': library.showAuditLogResult,
  'fpki ca log verify': library.checkAuditLogResult,
  'fpki ca history': library.showHistoryResult,
  'fpki ca diff': library.diffSnapshotsResult,
  'fpki ca verify': library.verifyPkiResult,
  'fpki ca report': library.reportPkiResult,
  'fpki ca status': library.pkiStatusResult,
  'fpki ca status --webhook': library.statusMessage,
  'fpki lines create, change, pause, resume, close': library.changeLineResult,
  'fpki lines list': library.listLinesResult,
  'fpki lines show': library.showLineResult,
  'fpki lines token': library.createLineTokenResult,
  'fpki lines tokens': library.listLineTokensResult,
  'fpki lines revoke-token': library.revokeLineTokenResult,
  'fpki lines station': library.createStationResult,
  'fpki lines stations': library.listStationsResult,
  'fpki lines revoke-station': library.revokeStationResult,
  'fpki devices list': library.listDevicesResult,
  'fpki devices show': library.showDeviceResult,
  'fpki devices count': library.countDevicesResult,
  'fpki devices report': library.reportDevicesResult,
  'fpki devices store init, migrate': library.migrateStoreResult,
  'fpki devices store check': library.checkStoreResult,
  'fpki devices store copy': library.copyStoreResult,
  'fpki devices serve': library.serveDevicesResult,
  'fpki devices relay': library.relayResult,
  'fpki est show': library.showEstResult,
  'fpki hsm list': library.listTokensResult,
  'fpki hsm check': library.checkHsmResult,
  'fpki api ping': library.pingApiResult,
  'fpki api serve': library.serveApiResult,
  'fpki api token create': library.createApiTokenResult,
  'fpki api token list': library.listApiTokensResult,
  'fpki api token revoke': library.revokeApiTokenResult,
  'fpki api export-gateway': library.exportGatewayResult,
  'fpki api delete-factory': library.deleteFactoryResult,
  'fpki config show': library.showConfigResult,
  'fpki config set, unset': library.setConfigResult,
  'fpki config path': library.configPathResult,
  'fpki login, logout': library.loginResult,
  'fpki lint': library.lintFilesResult,
  'fpki completion': library.completionDocument,
}

/** What several documents have in them. */
const PARTS: Readonly<Record<string, z.ZodMiniType>> = {
  'A certificate': library.certificateFacts,
  'A shown certificate': library.showPkiResult.shape.root,
  'A CRL': library.crlFacts,
  'Where a key is': keyRef,
  'A token of a line': library.lineTokenFacts,
  'A station': library.stationFacts,
  'A line': library.lineFacts,
  'A device': library.deviceFacts,
  'Who changed it': library.changeMeta,
  'A report on a PKI': library.pkiReport,
  'A finding': library.finding,
}

/** Schemas of the library that no command prints. */
const NOT_PRINTED: readonly unknown[] = [library.factoryCertificates, library.apiToken]

const SECTIONS = { ...DOCUMENTS, ...PARTS }

/** A field: its path from the document down, and its type in words. */
type Field = readonly [path: string, type: string]

/** What zod knows of a schema. */
interface Definition {
  readonly type: string
  readonly shape: Readonly<Record<string, z.ZodMiniType>>
  readonly innerType: z.ZodMiniType
  readonly element: z.ZodMiniType
  readonly options: readonly z.ZodMiniType[]
  readonly entries: Readonly<Record<string, string>>
  readonly values: readonly string[]
}

function definitionOf(schema: z.ZodMiniType): Definition {
  return schema._zod.def as unknown as Definition
}

function partOf(schema: z.ZodMiniType): string | undefined {
  return Object.entries(PARTS).find(([, part]) => part === schema)?.[0]
}

/** The type of a field as docs/json.md has it. */
function typeOf(schema: z.ZodMiniType): string {
  const part = partOf(schema)
  if (part !== undefined)
    return `[${part.charAt(0).toLowerCase()}${part.slice(1)}](#${part.toLowerCase().replaceAll(' ', '-')})`
  const { type, innerType, element, entries, options, values } = definitionOf(schema)
  switch (type) {
    case 'nullable':
      return `${typeOf(innerType)} or null`
    case 'optional':
      return `${typeOf(innerType)}, or absent`
    case 'union':
      return options.map(typeOf).join(' or ')
    case 'array':
      return `array of ${typeOf(element)}`
    case 'enum':
      return Object.values(entries)
        .map((word) => `\`"${word}"\``)
        .join(', ')
    case 'literal':
      return values.map((word) => `\`"${word}"\``).join(', ')
    case 'object':
      return isCertificate(schema) ? '[a certificate](#a-certificate) with' : 'object'
    default:
      return type
  }
}

const CERTIFICATE_FIELDS = Object.keys(library.certificateFacts.shape)

/** Is it a certificate with more fields? */
function isCertificate(schema: z.ZodMiniType): boolean {
  const { shape } = definitionOf(schema)
  return schema !== library.certificateFacts && CERTIFICATE_FIELDS.every((name) => name in shape)
}

/** All fields of a schema, each before those in it. What is a part has a section of its own. */
function fieldsOf(schema: z.ZodMiniType, path = ''): readonly Field[] {
  const { type, shape, innerType, element, options } = definitionOf(schema)
  if (type === 'nullable' || type === 'optional') return inside(innerType, path)
  if (type === 'array') return inside(element, `${path}[]`)
  if (type === 'union') return options.flatMap((option) => fieldsOf(option, path))
  if (type !== 'object') return []
  // Every document has it, so that it stands at the top of the page.
  const { schemaVersion: _, ...members } = shape
  const own = Object.entries(members).filter(([name]) => !isCertificate(schema) || !CERTIFICATE_FIELDS.includes(name))
  return own.flatMap(([name, field]) => {
    const at = path === '' ? name : `${path}.${name}`
    return [[at, typeOf(field)] as const, ...inside(field, at)]
  })
}

function inside(schema: z.ZodMiniType, path: string): readonly Field[] {
  return partOf(schema) === undefined ? fieldsOf(schema, path) : []
}

const text = await readFile(fileURLToPath(new URL('../docs/json.md', import.meta.url)), 'utf8')

/** The first two columns of a section's table. */
function writtenIn(heading: string): readonly Field[] {
  const [, section = ''] = text.split(`\n## ${heading}\n`)
  const [own = ''] = section.split('\n## ')
  return [...own.matchAll(/^\| `([^`]+)` \| (.+?) \| (.+) \|$/gm)].map(([, path = '', type = '']) => [path, type])
}

describe('docs/json.md', () => {
  test.each(Object.keys(SECTIONS))(
    '%s: every field with its type, in the order of the document, and no other',
    (heading) => {
      const schema = SECTIONS[heading]
      expect(writtenIn(heading)).toEqual(schema === undefined ? [] : fieldsOf(schema))
    },
  )

  test('schemaVersion is set once, for every document and for no part of one', () => {
    expect(text.split('\n## ')[0]).toContain('`schemaVersion`, the number 1')
    const versioned = (schema: z.ZodMiniType) => 'schemaVersion' in (definitionOf(schema).shape ?? {})
    expect(Object.entries(DOCUMENTS).filter(([, schema]) => !versioned(schema))).toEqual([])
    expect(Object.entries(PARTS).filter(([, schema]) => versioned(schema))).toEqual([])
  })

  test('has a section for every document of the library, and no other', () => {
    const isSchema = (value: unknown): value is z.ZodMiniType =>
      typeof value === 'object' && value !== null && '_zod' in value
    const schemas = Object.entries(library).filter(([, value]) => isSchema(value))
    const known = [...Object.values(SECTIONS), ...NOT_PRINTED]
    expect(schemas.filter(([, value]) => !known.includes(value)).map(([name]) => name)).toEqual([])
    expect([...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading)).toEqual(Object.keys(SECTIONS))
  })
})
