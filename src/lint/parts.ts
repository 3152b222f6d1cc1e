import { createPublicKey, type KeyObject } from 'node:crypto'
import {
  ANY,
  contentOf,
  type Der,
  rawDer,
  readInteger,
  readObjectIdentifier,
  readPaddedInteger,
  sequenceMembers,
  TAG,
} from '../pki/der.js'
import { type Extension, type ParsedExtensions, parseExtensions } from '../pki/extensions.js'
import { type Name, readName } from '../pki/name.js'
import { nameProblem } from '../pki/name-strings.js'
import { oidName } from '../pki/oids.js'
import { formatKeyType, keyIdentifier, readPublicKey, rsaWeakness } from '../pki/public-key.js'
import { readAlgorithm, readTime } from '../pki/read-certificate.js'
import type { LintKey, LintTime, Member, Report } from './model.js'
import { hashOf } from './signature.js'

/** The message of an error, without its full stop. */
export function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, '')
}

/** The result of `read`; null when it throws. */
export function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}

/** Parses an INTEGER, even if padded. Throws when it is too long. */
export function lenientInteger(value: Member, report: Report): { readonly value: bigint; readonly octets: number } {
  const padded = { value: readPaddedInteger(value), octets: contentOf(value, 'integer').length }
  if (attempt(() => readInteger(value)) === null) report('not-der', 'an INTEGER is not in its shortest encoding')
  return padded
}

/** The name of an AlgorithmIdentifier. Supported ones have no parameters (RFC 5758, 3.2; RFC 4055, 5). */
export function lenientAlgorithm(value: Member, report: Report): string {
  const name = oidName(readObjectIdentifier(sequenceMembers(value, 1, 2)[0]))
  if (hashOf(name) !== undefined && attempt(() => readAlgorithm(value)) === null)
    report('algorithm-parameters', `the algorithm ${name} has invalid parameters`)
  return name
}

/** Parses a Name; one that cannot be parsed has no attributes. */
export function lenientName(value: Member, what: string, report: Report): Name {
  try {
    const name = readName(value)
    const problem = nameProblem(name)
    if (problem !== null) report('name-broken', `in the ${what}, ${problem}`)
    return name
  } catch (cause) {
    report('name-broken', `the ${what} is not a valid name: ${reasonOf(cause)}`)
    return { der: rawDer(value), attributes: [] }
  }
}

const UTC_TIME = /^(\d\d)(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?(Z|[+-]\d{4})$/
const GENERALIZED_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})?(\d{2})?(?:[.,]\d+)?(Z|[+-]\d{4})?$/

/** Parses a time in any form of X.690. */
export function lenientTime(value: Member): LintTime {
  const text = Buffer.from(value?.content ?? []).toString('latin1')
  const strict = attempt(() => readTime(value))
  return { time: strict ?? timeOf(value?.tag, text), isStrict: strict !== null, text }
}

function timeOf(tag: number | undefined, text: string): Date {
  const [, year, month, day, hour, minute = '00', second = '00', zone = 'Z'] =
    (tag === TAG.utcTime ? UTC_TIME : GENERALIZED_TIME).exec(text) ?? []
  const century = tag === TAG.utcTime ? (Number(year) >= 50 ? '19' : '20') : ''
  return new Date(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}${zone.replace(/(\d\d)$/, ':$1')}`)
}

/** Parses a SubjectPublicKeyInfo of any type. */
export function lenientKey(value: Member): LintKey {
  const spki = rawDer(value)
  const object = attempt(() => createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }))
  const identifier = attempt(() => keyIdentifier(spki))
  try {
    const key = readPublicKey(spki, object ?? undefined)
    const name = formatKeyType(key)
    return {
      spki,
      name,
      kind: key.kind,
      curve: key.kind === 'EC' ? key.curve : null,
      unsupported: null,
      weak: rsaWeakness(key),
      identifier,
      object,
    }
  } catch (cause) {
    const name = object === null ? 'unreadable' : nameOf(object)
    // Names of curves contain their size.
    const isSmall = /^(secp|prime|sect|brainpoolP)(1\d\d|2[0-4]\d)/.test(object?.asymmetricKeyDetails?.namedCurve ?? '')
    return {
      spki,
      name,
      kind: null,
      curve: null,
      unsupported: reasonOf(cause),
      weak: isSmall ? `its key is on the weak curve ${name.replace('EC ', '')}` : null,
      identifier,
      object,
    }
  }
}

function nameOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const curve = asymmetricKeyDetails?.namedCurve
  return curve === undefined ? String(asymmetricKeyType) : `EC ${curve}`
}

/** Parses extensions, including duplicates; malformed ones are reported and skipped. */
export function lenientExtensions(value: Member, report: Report): readonly Extension[] {
  const extensions = sequenceMembers(value, 0, ANY).flatMap((member) => {
    try {
      return [lenientExtension(member, report)]
    } catch (cause) {
      report('extension-broken', `an extension is malformed: ${reasonOf(cause)}`)
      return []
    }
  })
  const types = extensions.map(({ type }) => type)
  for (const type of new Set(types.filter((one, at) => types.indexOf(one) !== at)))
    report('extension-twice', `duplicate extension ${type}`)
  return extensions
}

function lenientExtension(value: Der, report: Report): Extension {
  const parts = sequenceMembers(value, 2, 3)
  const type = oidName(readObjectIdentifier(parts[0]))
  const flag = parts.length === 3 ? contentOf(parts[1], 'boolean')[0] : undefined
  if (flag !== undefined && flag !== 0xff) report('not-der', `${type} does not encode critical as DER requires`)
  return { type, critical: Boolean(flag), value: contentOf(parts.at(-1), 'octetString') }
}

/** Decodes each extension separately; malformed ones are reported and treated as absent. */
export function lenientParsedExtensions(extensions: readonly Extension[], report: Report): ParsedExtensions {
  const decoded = extensions.toReversed().map((extension) => {
    try {
      return Object.entries(parseExtensions([extension])).filter(([, value]) => value !== null)
    } catch (cause) {
      report('extension-broken', `${extension.type} is malformed: ${reasonOf(cause)}`)
      return []
    }
  })
  return { ...parseExtensions([]), ...Object.fromEntries(decoded.flat()) }
}
