import { createHash } from 'node:crypto'
import type { Attribute, Cryptoki, CryptokiMaker, RawTokenInfo } from '../../src/signer/pkcs11/cryptoki.js'
import { CKA, CKM, CKU } from '../../src/signer/pkcs11/cryptoki.js'
import { pkcs11js } from '../../src/signer/pkcs11/module.js'

/** How a token differs from the real one below it. */
export interface Differences {
  /** Flags that its CK_TOKEN_INFO has besides. */
  readonly flags?: number
  /** An attribute as this token shows it; null: it refuses to. */
  readonly attributes?: Readonly<Record<number, (value: Buffer) => Buffer | null>>
  readonly mechanisms?: readonly number[]
  /** It hashes by itself: CKM_ECDSA_SHA256, and no CKM_ECDSA. */
  readonly hashes?: true
  /** What C_Sign gives. */
  readonly signature?: (raw: Buffer) => Buffer
  /** The attributes that it takes in no template. */
  readonly refuses?: readonly number[]
  /** The PIN is typed on it: C_Login takes none. */
  readonly keypadPin?: string
}

/** The calls that tests count. */
export interface Watched {
  readonly make: CryptokiMaker
  readonly calls: readonly string[]
}

/** A real module whose answers differ as some real HSMs' do. */
export function differing(differences: Differences = {}): Watched {
  const calls: string[] = []
  const make = async () => {
    const real = await pkcs11js()
    const changed = changedCalls(real, differences)
    return new Proxy(real, {
      get: (target, name: keyof Cryptoki) => {
        const call = changed[name] ?? target[name]?.bind(target)
        // `await` asks whether it is a promise.
        if (call === undefined) return undefined
        return (...words: never[]) => {
          calls.push(name === 'C_Login' ? `C_Login ${words[1]}` : name)
          return (call as (...all: never[]) => unknown)(...words)
        }
      },
    })
  }
  return { make, calls }
}

function changedCalls(real: Cryptoki, differences: Differences): Partial<Cryptoki> {
  const { flags = 0, attributes = {}, mechanisms, hashes, signature, refuses = [], keypadPin } = differences
  const checkTemplate = (...templates: readonly Attribute[][]) => {
    if (templates.flat().some(({ type }) => refuses.includes(type))) throw new Error('CKR_TEMPLATE_INCONSISTENT:209')
  }
  return {
    C_GetTokenInfo: (slot): RawTokenInfo => {
      const info = real.C_GetTokenInfo(slot)
      return { ...info, flags: info.flags | flags }
    },
    C_GetAttributeValue: (session, object, [wanted]) => {
      const change = attributes[wanted?.type ?? -1]
      const isOwn = wanted !== undefined && wanted.type !== CKA.alwaysAuthenticate
      const [found] = isOwn ? real.C_GetAttributeValue(session, object, [wanted]) : [{ type: 0, value: Buffer.of(0) }]
      const value =
        change === undefined ? found?.value : change(Buffer.isBuffer(found?.value) ? found.value : Buffer.of())
      if (value === null || value === undefined) throw new Error('CKR_ATTRIBUTE_SENSITIVE:17')
      return [{ type: wanted?.type ?? 0, value }]
    },
    ...(mechanisms === undefined ? {} : { C_GetMechanismList: () => [...mechanisms] }),
    C_SignInit: (session, { mechanism }, key) => {
      if (hashes && mechanism !== CKM.ecdsaSha256) throw new Error('CKR_MECHANISM_INVALID:112')
      real.C_SignInit(session, { mechanism: hashes ? CKM.ecdsa : mechanism }, key)
    },
    C_Sign: (session, data, output) => {
      const digest = hashes ? createHash('sha256').update(data).digest() : data
      const raw = real.C_Sign(session, digest, output)
      return signature?.(raw) ?? raw
    },
    C_GenerateKeyPair: (session, mechanism, forPublic, forPrivate) => {
      checkTemplate(forPublic, forPrivate)
      return real.C_GenerateKeyPair(session, mechanism, forPublic, forPrivate)
    },
    C_CreateObject: (session, template) => {
      checkTemplate(template)
      return real.C_CreateObject(session, template)
    },
    // SoftHSM knows no login for one use of a key; that it was asked for is what counts.
    C_Login: (session, who, pin) => {
      if (who === CKU.contextSpecific) return
      if (keypadPin !== undefined && pin !== '') throw new Error('CKR_ARGUMENTS_BAD:7')
      real.C_Login(session, who, keypadPin ?? pin)
    },
  }
}
