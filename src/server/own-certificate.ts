import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { FpkiError } from '../errors.js'
import { serverFolder, type TokenPorts } from '../factory/embedded/tokens.js'
import { withLock } from '../factory/lock.js'
import type { GeneralName } from '../pki/extensions.js'
import { encodePem } from '../pki/pem.js'
import { provesPossession } from '../pki/possession.js'
import { ROOT_CA, TLS_SERVER } from '../pki/profiles.js'
import { type Certificate, readPemCertificate } from '../pki/read-certificate.js'
import { newSerialNumber } from '../pki/serial.js'
import { serverNames, toServerName } from '../pki/server-name.js'
import { validityFrom } from '../pki/validity.js'
import type { Random, Signer } from '../ports.js'
import { signCertificate } from '../signer/x509/certificate.js'
import { commonNameAndUnit } from '../signer/x509/name.js'

/** What a server of HTTPS proves to be one with. */
export interface ServerIdentity {
  /** PEM; secret. */
  readonly key: string
  /** PEM, the server's own first. */
  readonly certificate: string
}

/** An identity that fpki made itself, and what its clients are to trust. */
export interface OwnIdentity extends ServerIdentity {
  /** The file that CACERT is to name. */
  readonly trustPath: string
  /** SHA-256 of the certificate in it, lower-case hex. */
  readonly trustSha256: string
  /** What is odd about it; empty: nothing. */
  readonly warnings: readonly string[]
}

interface OwnPorts extends TokenPorts {
  readonly keys: { newPem(): string; open(pem: string, what: string): Promise<Signer> }
}

/** The names of files in the state directory. */
const FILES = { key: 'server.key', certificate: 'server.pem', trust: 'ca.pem' } as const

/**
 * The identity that `fpki api serve` has without --tls-cert, made at the first start: a server's certificate for
 * `names`, signed by a CA of its own, whose key is thrown away, so that nobody can make a further server that clients
 * trust. Throws ERR_BAD_FILE, ERR_BAD_KEY, ERR_USAGE, ERR_LOCKED.
 */
export async function ownIdentity(
  ports: OwnPorts,
  stateDirectory: string,
  names: readonly string[],
): Promise<OwnIdentity> {
  const folder = serverFolder(stateDirectory)
  const wanted = serverNames(names.map(checkedName))
  await ports.files.makeDirectory(folder)
  await ports.files.checkDirectory(folder)
  await withLock(ports, folder, 'the certificate of the embedded Factory API', async () => {
    // The CA is written last: where it is, all is.
    if ((await ports.files.kindOf(join(folder, FILES.trust))) === null) await makeIdentity(ports, folder, wanted)
  })
  const text = (name: string) => requiredText(ports, join(folder, name))
  const [key, certificate, trust] = [await text(FILES.key), await text(FILES.certificate), await text(FILES.trust)]
  const trustPath = join(folder, FILES.trust)
  const { spki } = readPemCertificate(certificate, FILES.certificate)
  await requireKey(ports, { key, path: join(folder, FILES.key), spki, trustPath })
  return {
    key,
    certificate,
    trustPath,
    trustSha256: createHash('sha256').update(readPemCertificate(trust, trustPath).der).digest('hex'),
    warnings: warningsOf(readPemCertificate(certificate, FILES.certificate), wanted, ports.clock(), folder),
  }
}

async function makeIdentity(ports: OwnPorts, folder: string, names: readonly GeneralName[]): Promise<void> {
  const { files, clock, random, keys } = ports
  const [caKey, key] = [await keys.open(keys.newPem(), 'a new key'), keys.newPem()]
  const subject = (name: string) => commonNameAndUnit(name, 'fpki api serve')
  const now = clock()
  const ca = await signCertificate(
    {
      role: FILES.trust,
      profile: ROOT_CA,
      issuer: null,
      names: [],
      spki: caKey.spki,
      serialNumber: newSerialNumber(random),
      validity: validityFrom(now, ROOT_CA.years, null),
      subject: await subject(`fpki ${suffix(random)}`),
    },
    caKey,
  )
  const server = await signCertificate(
    {
      role: FILES.certificate,
      profile: TLS_SERVER,
      issuer: ca,
      names,
      spki: (await keys.open(key, FILES.key)).spki,
      serialNumber: newSerialNumber(random),
      validity: validityFrom(now, TLS_SERVER.years, ca),
      subject: await subject('server'),
    },
    caKey,
  )
  await files.replace(join(folder, FILES.key), key, 0o600)
  await files.replace(join(folder, FILES.certificate), encodePem('CERTIFICATE', server.der), 0o600)
  await files.replace(join(folder, FILES.trust), encodePem('CERTIFICATE', ca.der), 0o600)
}

/** Two CAs with one name would confuse a client that trusts both. */
function suffix(random: Random): string {
  return Buffer.from(random.bytes(4)).toString('hex')
}

function warningsOf(
  { notAfter, known }: Certificate,
  wanted: readonly GeneralName[],
  now: Date,
  folder: string,
): readonly string[] {
  const has = new Set(known.subjectAltName?.map(({ value }) => value))
  const missing = wanted.filter(({ value }) => !has.has(value)).map(({ value }) => value)
  const again = `remove ${join(folder, FILES.trust)}, and the next start makes another one, which clients have to be told of.`
  return [
    ...(missing.length === 0 ? [] : [`the server's certificate does not name ${missing.join(', ')}; ${again}`]),
    ...(now <= notAfter ? [] : [`the server's certificate has expired; ${again}`]),
  ]
}

interface OwnKey {
  /** PEM; secret. */
  readonly key: string
  readonly path: string
  /** The public key of the server's certificate. */
  readonly spki: Uint8Array
  readonly trustPath: string
}

/** Throws ERR_BAD_KEY unless the key is whole, and that of the server's certificate. */
async function requireKey({ keys }: OwnPorts, { key, path, spki, trustPath }: OwnKey): Promise<void> {
  // No backup has these files: they are made, not restored.
  const hint = `Run: rm ${trustPath}. The next start makes a new key and certificate; give clients the new ${FILES.trust}.`
  const signer = await keys.open(key, path).catch((error: unknown) => {
    throw error instanceof FpkiError ? new FpkiError(error.code, error.message, hint, { cause: error }) : error
  })
  if (await provesPossession(signer, spki)) return
  throw new FpkiError('ERR_BAD_KEY', `${path} is not the key of ${FILES.certificate}.`, hint)
}

async function requiredText({ files }: OwnPorts, path: string): Promise<string> {
  const text = await files.read(path, 65_536)
  if (text !== null) return text
  const hint = `Remove ${FILES.trust} beside it: then all three are made anew.`
  throw new FpkiError('ERR_BAD_FILE', `${path} is missing.`, hint)
}

function checkedName(text: string): string {
  const name = toServerName(text)
  if (name !== null) return name
  throw new FpkiError('ERR_USAGE', `${JSON.stringify(text)} is not a server name.`, 'Give a DNS name or an IP address.')
}
