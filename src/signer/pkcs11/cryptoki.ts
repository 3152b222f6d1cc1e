/** A handle of a slot, a session or an object in pkcs11js. */
export type Handle = Buffer

/** One attribute of an object, to set or to get (PKCS#11, 4.4). */
export interface Attribute {
  readonly type: number
  readonly value?: Buffer | number | boolean | string
}

/** A mechanism without parameters. */
interface Mechanism {
  readonly mechanism: number
}

/** CK_TOKEN_INFO, with padded strings (PKCS#11, 3.2). */
export interface RawTokenInfo {
  readonly label: string
  readonly manufacturerID: string
  readonly model: string
  readonly serialNumber: string
  readonly flags: number
}

/**
 * The pkcs11js functions that fpki calls, synchronous but for one. Their errors contain `CKR_…` in the message.
 */
export interface Cryptoki {
  load(path: string): void
  C_Initialize(options?: { readonly libraryParameters?: string; readonly flags?: number }): void
  C_Finalize(): void
  C_GetSlotList(tokenPresent: boolean): Handle[]
  C_GetTokenInfo(slot: Handle): RawTokenInfo
  C_GetMechanismList(slot: Handle): number[]
  C_OpenSession(slot: Handle, flags: number): Handle
  C_CloseSession(session: Handle): void
  C_Login(session: Handle, userType: number, pin: string): void
  C_Logout(session: Handle): void
  C_FindObjectsInit(session: Handle, template: Attribute[]): void
  C_FindObjects(session: Handle, atMost: number): Handle[]
  C_FindObjectsFinal(session: Handle): void
  C_GetAttributeValue(session: Handle, object: Handle, template: Attribute[]): Attribute[]
  C_GenerateKeyPair(
    session: Handle,
    mechanism: Mechanism,
    publicTemplate: Attribute[],
    privateTemplate: Attribute[],
  ): { readonly publicKey: Handle; readonly privateKey: Handle }
  C_CreateObject(session: Handle, template: Attribute[]): Handle
  C_DestroyObject(session: Handle, object: Handle): void
  C_SignInit(session: Handle, mechanism: Mechanism, key: Handle): void
  C_Sign(session: Handle, data: Buffer, output: Buffer): Buffer
  /** In a thread of libuv's. */
  C_SignAsync(session: Handle, data: Buffer, output: Buffer): Promise<Buffer>
}

/** Creates a {@link Cryptoki} without a module. */
export type CryptokiMaker = () => Promise<Cryptoki>

/** Flags of a token (PKCS#11, 3.2, CK_TOKEN_INFO). */
export const CKF_TOKEN = {
  writeProtected: 0x2,
  loginRequired: 0x4,
  protectedAuthenticationPath: 0x100,
  initialized: 0x400,
  pinCountLow: 0x1_0000,
  pinFinalTry: 0x2_0000,
  pinLocked: 0x4_0000,
  pinToBeChanged: 0x8_0000,
} as const

/** Flags of C_Initialize (PKCS#11, 5.4): several threads call the module, which locks with what the system has. */
export const CKF_OS_LOCKING_OK = 0x2

/** Flags of a session. */
export const CKF_SESSION = { readWrite: 0x2, serial: 0x4 } as const

/** User types. */
export const CKU = { user: 1, contextSpecific: 2 } as const

/** Object classes. */
export const CKO = { publicKey: 2, privateKey: 3 } as const

/** The key type of elliptic curves. */
export const CKK_EC = 3

/** Attributes of objects. */
export const CKA = {
  class: 0x000,
  token: 0x001,
  private: 0x002,
  label: 0x003,
  value: 0x011,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  encrypt: 0x104,
  decrypt: 0x105,
  wrap: 0x106,
  unwrap: 0x107,
  sign: 0x108,
  signRecover: 0x109,
  verify: 0x10a,
  derive: 0x10c,
  extractable: 0x162,
  ecParams: 0x180,
  ecPoint: 0x181,
  alwaysAuthenticate: 0x202,
  /** NSS stores the public point with an imported private key. */
  nssDatabase: 0xd5a0_db00,
} as const

/** Mechanisms. */
export const CKM = {
  ecKeyPairGen: 0x1040,
  ecdsa: 0x1041,
  ecdsaSha256: 0x1044,
  ecdsaSha384: 0x1045,
  ecdsaSha512: 0x1046,
} as const
