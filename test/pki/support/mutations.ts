import { integer, membersOf, objectIdentifier, octetString, readTlv, sequence, setOf, type Tlv, tlv } from './der.js'

/** A DER value that was changed in one place. */
export interface Mutation {
  readonly what: string
  readonly der: Buffer
}

const OTHERS: Readonly<Record<string, Buffer>> = {
  NULL: Buffer.of(5, 0),
  'an INTEGER': integer(2n ** 200n),
  'a negative INTEGER': tlv(0x02, Buffer.of(0x80)),
  'an empty INTEGER': tlv(0x02),
  TRUE: Buffer.of(1, 1, 0xff),
  'an OBJECT IDENTIFIER': objectIdentifier('1.2.3'),
  'an empty OBJECT IDENTIFIER': tlv(0x06),
  'an OCTET STRING': octetString(Buffer.alloc(300)),
  'an empty BIT STRING': tlv(0x03),
  'an invalid UTF8String': tlv(0x0c, Buffer.of(0xc3, 0x28)),
  'half a BMPString': tlv(0x1e, Buffer.of(0)),
  'a UniversalString beyond Unicode': tlv(0x1c, Buffer.alloc(4, 0xff)),
  'an empty SEQUENCE': sequence(),
  'an empty SET': setOf(),
  'a time': tlv(0x17, Buffer.from('270102030405Z')),
  'context [0]': tlv(0xa0, integer(1)),
  'context [3]': tlv(0xa3, sequence()),
  nothing: Buffer.alloc(0),
}

/** `der` with each of its values replaced, left out, doubled, emptied and given another tag, one at a time. */
export function mutationsOf(der: Uint8Array): readonly Mutation[] {
  return mutate(readTlv(der), 'it').filter((mutation) => !mutation.der.equals(der))
}

function mutate(value: Tlv, path: string): readonly Mutation[] {
  const { tag, content, der } = value
  const here = [
    ...Object.entries(OTHERS).map(([name, other]) => ({ what: `${path}: ${name}`, der: other })),
    { what: `${path}: twice`, der: Buffer.concat([der, der]) },
    { what: `${path}: wrapped`, der: sequence(der) },
    { what: `${path}: emptied`, der: tlv(tag) },
    { what: `${path}: another tag`, der: tlv(tag ^ 0x01, content) },
    { what: `${path}: constructed or not`, der: tlv(tag ^ 0x20, content) },
    { what: `${path}: an octet more`, der: tlv(tag, content, Buffer.of(0)) },
    { what: `${path}: an octet less`, der: tlv(tag, content.subarray(0, -1)) },
    { what: `${path}: indefinite length`, der: Buffer.concat([Buffer.of(tag, 0x80), content, Buffer.of(0, 0)]) },
  ]
  return [...here, ...(isConstructed(value) ? mutateMembers(value, path) : [])]
}

function mutateMembers(value: Tlv, path: string): readonly Mutation[] {
  const members = membersOf(value)
  return members.flatMap((member, index) =>
    mutate(member, `${path}/${index}`).map(({ what, der }) => ({
      what,
      der: tlv(value.tag, ...members.map((other, at) => (at === index ? der : other.der))),
    })),
  )
}

function isConstructed({ tag }: Tlv): boolean {
  return (tag & 0x20) !== 0
}
