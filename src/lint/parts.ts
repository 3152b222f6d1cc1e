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

/** The sentence of whatever was thrown, without its stop. */
export function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, '')
}

/** What `read` gives, or null when it throws. */
export function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}

/** An INTEGER, also one with octets too many. Throws when it is longer than any that is in use. */
export function lenientInteger(value: Member, report: Report): { readonly value: bigint; readonly octets: number } {
  const padded = { value: readPaddedInteger(value), octets: contentOf(value, 'integer').length }
  if (attempt(() => readInteger(value)) === null) report('not-der', 'an INTEGER is not in its shortest form')
  return padded
}

/** The name of an AlgorithmIdentifier. Of those that lint can verify none has parameters (RFC 5758, 3.2; RFC 4055, 5). */
export function lenientAlgorithm(value: Member, report: Report): string {
  const name = oidName(readObjectIdentifier(sequenceMembers(value, 1, 2)[0]))
  if (hashOf(name) !== undefined && attempt(() => readAlgorithm(value)) === null)
    report('algorithm-parameters', `the algorithm ${name} has parameters`)
  return name
}

/** A Name; one that cannot be read has no attributes. */
export function lenientName(value: Member, what: string, report: Report): Name {
  try {
    const name = readName(value)
    const problem = nameProblem(name)
    if (problem !== null) report('name-broken', `in the ${what}, ${problem}`)
    return name
  } catch (cause) {
    report('name-broken', `the ${what} is no name: ${reasonOf(cause)}`)
    return { der: rawDer(value), attributes: [] }
  }
}

const UTC_TIME = /^(\d\d)(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?(Z|[+-]\d{4})$/
const GENERALIZED_TIME = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})?(\d{2})?(?:[.,]\d+)?(Z|[+-]\d{4})?$/

/** A time in any of the forms that X.690 has. */
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

/** A SubjectPublicKeyInfo of any kind. */
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
    // The curves below 256 bits say so in their names.
    const isSmall = /^(secp|prime|sect|brainpoolP)(1\d\d|2[0-4]\d)/.test(object?.asymmetricKeyDetails?.namedCurve ?? '')
    return {
      spki,
      name,
      kind: null,
      curve: null,
      unsupported: reasonOf(cause),
      weak: isSmall ? `its key is on the small curve ${name.replace('EC ', '')}` : null,
      identifier,
      object,
    }
  }
}

function nameOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const curve = asymmetricKeyDetails?.namedCurve
  return curve === undefined ? String(asymmetricKeyType) : `EC ${curve}`
}

/** Extensions, also those that come twice; what is not even an Extension is reported and left out. */
export function lenientExtensions(value: Member, report: Report): readonly Extension[] {
  const extensions = sequenceMembers(value, 0, ANY).flatMap((member) => {
    try {
      return [lenientExtension(member, report)]
    } catch (cause) {
      report('extension-broken', `an extension cannot be read: ${reasonOf(cause)}`)
      return []
    }
  })
  const types = extensions.map(({ type }) => type)
  for (const type of new Set(types.filter((one, at) => types.indexOf(one) !== at)))
    report('extension-twice', `the extension ${type} comes twice`)
  return extensions
}

function lenientExtension(value: Der, report: Report): Extension {
  const parts = sequenceMembers(value, 2, 3)
  const type = oidName(readObjectIdentifier(parts[0]))
  const flag = parts.length === 3 ? contentOf(parts[1], 'boolean')[0] : undefined
  if (flag !== undefined && flag !== 0xff)
    report('not-der', `${type} writes out whether it is critical as DER does not`)
  return { type, critical: Boolean(flag), value: contentOf(parts.at(-1), 'octetString') }
}

/** What the extensions say that fpki knows, each read by itself: one that is broken is reported and taken for absent. */
export function lenientParsedExtensions(extensions: readonly Extension[], report: Report): ParsedExtensions {
  const found = extensions.toReversed().map((extension) => {
    try {
      return Object.entries(parseExtensions([extension])).filter(([, value]) => value !== null)
    } catch (cause) {
      report('extension-broken', `${extension.type} cannot be read: ${reasonOf(cause)}`)
      return []
    }
  })
  return { ...parseExtensions([]), ...Object.fromEntries(found.flat()) }
}
