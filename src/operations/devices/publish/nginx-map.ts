import { chunksOf, oneByOne } from '../../../chunks.js'
import type { CertificateStatus } from '../../../devices/denial.js'
import type { DeviceRegister } from '../../../devices/register.js'
import { type ListFile, type ListFilePorts, writeListFile } from './list-file.js'
import { revokedOnce } from './revoked.js'

/** The variable of nginx that a deny list sets: the reason, or nothing. */
export const NGINX_VARIABLE = '$fpki_denied'

/** The first line, by which fpki knows its own file. */
const MARK = '# Made by fpki devices publish --nginx-map; do not change it, run the command again.\n'

const HEAD = `${MARK}map $ssl_client_serial ${NGINX_VARIABLE} {\n    default "";\n`
const TAIL = '}\n'

/** A deny list without any device. */
export const EMPTY_NGINX_MAP = `${HEAD}${TAIL}`

/** Lines of one write. */
const LINES_AT_ONCE = 1000

/** What a deny list is made of. */
export interface RevokedSource {
  readonly register: Pick<DeviceRegister, 'revoked'>
  readonly now: Date
  /** Stops with its reason; the earlier file stays. */
  readonly signal: AbortSignal
}

/** The file of a deny list. */
export function nginxMapFile(path: string): ListFile {
  const isSuch = (head: Buffer) => head.toString('latin1').startsWith(MARK)
  return { path, isSuch, what: 'a deny list of fpki', option: 'nginxMap' }
}

/**
 * Writes the deny list of an nginx: a `map` of the serial numbers of all revoked certificates that have not expired. The same
 * register gives the same file. The caller has checked what is there. Resolves to how many there are.
 */
export async function writeNginxMap(
  path: string,
  { register, now, signal }: RevokedSource,
  ports: Pick<ListFilePorts, 'batches'>,
): Promise<number> {
  const revoked = revokedOnce(register, { ca: null, at: now.getTime() }, signal)
  let count = 0
  async function* content() {
    yield Buffer.from(HEAD)
    for await (const some of chunksOf(oneByOne(revoked), LINES_AT_ONCE)) {
      count += some.length
      yield Buffer.from(some.map(lineOf).join(''))
    }
    yield Buffer.from(TAIL)
  }
  await writeListFile({ path }, content(), ports)
  return count
}

function lineOf({ serial, revocation }: CertificateStatus): string {
  return `    "${nginxSerial(serial)}" ${revocation?.reason ?? 'unspecified'};\n`
}

/** As nginx has it in $ssl_client_serial: upper-case hex of whole octets, without leading zero octets. */
function nginxSerial(serial: string): string {
  const digits = serial.replace(/^(00)+(?=..)/, '')
  return digits.toUpperCase()
}
