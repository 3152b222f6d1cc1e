import { describe, expect, test } from 'vitest'
import { nameConstraints, san } from './support/forge.js'
import { bothVerdicts, type Link } from './support/openssl-verdict.js'

/** Names on both sides of constraints. Every name is held against every base of its form, permitted and excluded. */
const FORMS: Readonly<Record<string, { readonly bases: readonly string[]; readonly names: readonly string[] }>> = {
  DNS: {
    bases: ['DNS:corp.example', 'DNS:.corp.example', 'DNS:', 'DNS:CORP.example', 'DNS:gw.corp.example'],
    names: [
      ...['DNS:gw.corp.example', 'DNS:corp.example', 'DNS:xcorp.example', 'DNS:GW.Corp.EXAMPLE'],
      ...['DNS:other.example', 'DNS:*.corp.example', 'DNS:corp.example.org', 'DNS:example', 'IP:10.0.0.1'],
    ],
  },
  'e-mail': {
    bases: [
      'email:corp.example',
      'email:.corp.example',
      'email:a@corp.example',
      'email:@corp.example',
      'email:A@CORP.example',
    ],
    names: [
      ...['email:a@corp.example', 'email:A@corp.example', 'email:a@CORP.EXAMPLE', 'email:b@mail.corp.example'],
      ...['email:a@xcorp.example', 'email:nobody', 'email:x@y@corp.example', 'DNS:corp.example'],
    ],
  },
  URI: {
    bases: ['URI:corp.example', 'URI:.corp.example', 'URI:CORP.example'],
    names: [
      ...['URI:https://corp.example', 'URI:https://corp.example/a', 'URI:https://gw.corp.example:8443/a'],
      ...['URI:https://xcorp.example/', 'URI:HTTPS://CORP.EXAMPLE/x', 'URI:urn:a:b', 'URI:https:///a', 'DNS:a.example'],
    ],
  },
  IP: {
    bases: [
      ...['IP:10.0.0.0/255.0.0.0', 'IP:10.1.2.3/255.255.255.255', 'IP:10.0.0.0/255.0.255.0', 'IP:0.0.0.0/0.0.0.0'],
      'IP:20010db8000000000000000000000000:/ffffffff000000000000000000000000:',
    ],
    names: [
      ...['IP:10.1.2.3', 'IP:10.255.0.1', 'IP:11.1.2.3', 'IP:20010db8000000000000000000000001:'],
      ...['IP:20010db9000000000000000000000001:', 'DNS:a.example'],
    ],
  },
  'forms that cannot be compared': {
    bases: ['RID:1.2.3', 'UPN:a@b'],
    names: ['RID:1.2.3', 'RID:1.2.4', 'UPN:a@b', 'DNS:a.example'],
  },
}

/** Subjects on both sides of constraints for directoryName. */
const DIRECTORY_NAMES = {
  bases: [
    ...['dir:O=acme', 'dir:O=ACME', 'dir:O:printable=acme', 'dir:', 'dir:O=acme,OU=x', 'dir:O= acme ', 'dir:O=a  cme'],
    ...['dir:OU=x,O=acme', 'dir:O=acme+OU=x', 'dir:O:bmp=acme'],
  ],
  names: [
    ...['O=acme,OU=x,CN=leaf', 'O=acme', 'O=Acme,CN=leaf', 'O= acme,CN=leaf', 'O=other,CN=leaf', 'CN=leaf,O=acme'],
    ...['O=acme2,CN=leaf', 'O:printable=ACME,CN=leaf', 'O:bmp=acme,CN=leaf', 'OU=x+O=acme,CN=leaf', 'O=a cme,CN=leaf'],
  ],
}

/** The two verdicts as a table, for the message of a failure. */
async function disagreements(constraint: Link, leaves: readonly Link[], labels: readonly string[]) {
  const { openssl, fpki, reasons } = await bothVerdicts([constraint], leaves)
  return {
    different: labels.flatMap((label, at) => (openssl[at] === fpki[at] ? [] : [`${label}: ${reasons[at]}`])),
    accepted: openssl.filter((isAccepted) => isAccepted).length,
    all: openssl.length,
  }
}

const SIDES = ['permitted', 'excluded'] as const
const SIDE_AND_WEIGHT = SIDES.flatMap((side) => [true, false].map((critical) => [side, critical] as const))

function constraintsOf(side: (typeof SIDES)[number], base: string, critical: boolean): Link {
  const constraints =
    side === 'permitted' ? nameConstraints([base], [], critical) : nameConstraints([], [base], critical)
  return { extensions: [constraints] }
}

describe.each(SIDE_AND_WEIGHT)(
  'OpenSSL and fpki agree on names below a root with %s subtrees, critical %s,',
  (side, critical) => {
    test.each(Object.entries(FORMS))('of the form %s', async (_, { bases, names }) => {
      let [accepted, all] = [0, 0]
      for (const base of bases) {
        const leaves = names.map((name) => ({ extensions: [san(name)] }))
        const result = await disagreements(constraintsOf(side, base, critical), leaves, names)
        expect(result.different, base).toEqual([])
        accepted += result.accepted
        all += result.all
      }
      // Names of both sides were there.
      expect(accepted).toBeGreaterThan(0)
      expect(accepted).toBeLessThan(all)
    })

    test('of the form dirName', async () => {
      const { bases, names } = DIRECTORY_NAMES
      let accepted = 0
      for (const base of bases) {
        const leaves = names.map((subject) => ({ subject, extensions: [san('DNS:a.example')] }))
        const result = await disagreements(constraintsOf(side, base, critical), leaves, names)
        expect(result.different, base).toEqual([])
        accepted += result.accepted
      }
      expect(accepted).toBeGreaterThan(10)
      expect(accepted).toBeLessThan(bases.length * names.length - 10)
    })
  },
)

test('A commonName that looks like a host name counts as a DNS name if there is no other, as in OpenSSL', async () => {
  const names = [
    ...['CN=gw.other.example', 'CN=gw.corp.example', 'CN=fio-1', 'CN=gw_1.other.example', 'CN=-a.other.example'],
    ...[
      'CN=a..other.example',
      'CN=a.other.example.',
      'CN=a b.example',
      'CN=*.other.example',
      'CN:bmp=gw.other.example',
    ],
    ...['CN=a-.example', 'CN=a.-b.example', 'CN=gw.other.example\0', 'CN=gw.corp.example,CN=gw.other.example'],
  ]
  const root = { extensions: [nameConstraints(['DNS:corp.example'])] }
  const alone = await disagreements(
    root,
    names.map((subject) => ({ subject })),
    names,
  )
  expect(alone.different).toEqual([])
  expect(alone.accepted).toBeGreaterThan(3)
  expect(alone.accepted).toBeLessThan(names.length - 3)
  const withNames = ['DNS:gw.corp.example', 'IP:10.0.0.1', 'email:a@corp.example']
  for (const name of withNames) {
    const leaves = names.map((subject) => ({ subject, extensions: [san(name)] }))
    expect((await disagreements(root, leaves, names)).different, name).toEqual([])
  }
})

test('E-mail addresses in subjects, several names, several subtrees and forms, and constraints of CAs between', async () => {
  const leaves: readonly Link[] = [
    { subject: 'CN=leaf,emailAddress=a@corp.example' },
    { subject: 'CN=leaf,emailAddress=a@other.example' },
    { extensions: [san('DNS:a.corp.example', 'DNS:b.other.example')] },
    { extensions: [san('DNS:a.corp.example', 'DNS:b.lab.example')] },
    { extensions: [san('DNS:secret.corp.example')] },
    { extensions: [san('DNS:a.corp.example', 'IP:10.0.0.1', 'email:x@corp.example')] },
    { extensions: [san('DNS:a.corp.example', 'IP:192.0.2.1')] },
    { subject: 'CN=leaf,OU=acme' },
  ]
  const constraints = nameConstraints(
    ['DNS:corp.example', 'DNS:lab.example', 'email:corp.example', 'IP:10.0.0.0/255.0.0.0'],
    ['DNS:secret.corp.example'],
  )
  const narrower = nameConstraints(['DNS:a.corp.example'])
  const cas: readonly (readonly Link[])[] = [
    [{ extensions: [constraints] }],
    [{ extensions: [constraints] }, { extensions: [narrower] }],
    [{}, { extensions: [constraints] }],
    [{ extensions: [nameConstraints(['dir:CN=CA 1'])] }, {}],
    [{ extensions: [nameConstraints([], ['dir:CN=CA 1'])] }, {}],
    [{ subject: 'CN=same', extensions: [nameConstraints([], ['dir:CN=same'])] }, { subject: 'CN=same' }],
  ]
  for (const chain of cas) {
    const { openssl, fpki } = await bothVerdicts(chain, leaves)
    expect(fpki).toEqual(openssl)
  }
})

describe('fpki refuses on purpose what OpenSSL accepts', () => {
  test.each([
    [
      'a URI whose host is an address (RFC 5280, 4.2.1.10: it must be refused)',
      'URI:https://192.0.2.1/',
      'URI:corp.example',
    ],
    // OpenSSL takes `user` for the host.
    [
      'a URI with user information (RFC 3986, 3.2: the host is after it)',
      'URI:https://user:x@corp.example/',
      'URI:corp.example',
    ],
  ])('%s', async (_, name, base) => {
    const root = { extensions: [nameConstraints([], [base])] }
    const { openssl, fpki, reasons } = await bothVerdicts([root], [{ extensions: [san(name)] }])
    expect(openssl).toEqual([true])
    expect({ fpki, reasons }).toEqual({ fpki: [false], reasons: [expect.stringMatching(/violation|syntax/)] })
  })
})
