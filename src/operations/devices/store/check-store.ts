import * as z from 'zod/mini'
import { counted } from '../../../counted.js'
import { SCHEMA } from '../../../devices/migrations.js'
import type { RegisterPorts } from '../../../devices/open.js'
import { checkPostgres, type StoreFinding } from '../../../devices/postgres-check.js'
import { postgresPlace } from '../../../devices/postgres-place.js'
import { ALL_DEVICES, type DeviceRegister } from '../../../devices/register.js'
import { readableCertificates } from '../../../directory/certificate-files.js'
import { pkiDirectory } from '../../../directory/pki-directory.js'
import { requirePkiDirectory } from '../../../directory/require.js'
import { jsonDocument } from '../../../json-document.js'
import { sampleFault } from '../../audit/verify/devices.js'
import { type RegisterChoice, registerPlace, requireRegister, storeName } from '../open-register.js'

/** What `fpki devices store check --json` prints. */
export const checkStoreResult = jsonDocument({
  /** Absolute. */
  directory: z.string(),
  /** Where the register is, without a password. */
  store: z.string(),
  /** The worst of the checks. */
  result: z.enum(['ok', 'warning', 'failure']),
  checks: z.array(
    z.strictObject({
      check: z.enum(['connection', 'durability', 'schema', 'clock', 'contents', 'certificates']),
      status: z.enum(['ok', 'warning', 'failure']),
      message: z.string(),
    }),
  ),
})

/** See {@link checkStoreResult}. */
export type CheckStoreResult = z.infer<typeof checkStoreResult>

/**
 * Checks the place of a device register: the connection, its durability, the schema and the clock of a database server, and
 * what is in the register. Changes nothing.
 *
 * @throws FpkiError ERR_NOT_A_DIRECTORY, ERR_NOT_INITIALIZED, and as openDeviceRegister
 */
export async function checkStore(choice: RegisterChoice, ports: RegisterPorts): Promise<CheckStoreResult> {
  await requirePkiDirectory(ports.files, choice.directory)
  const place = registerPlace(choice)
  const register = await requireRegister(choice, ports)
  try {
    const server =
      'url' in place ? await checkPostgres(await postgresPlace(place.url, ports.files), ports.clock) : sqliteFindings()
    const checks = [...server, await contentsFinding(register), await certificatesFinding(choice, register, ports)]
    return { directory: choice.directory, store: storeName(place), result: worstOf(checks), checks }
  } finally {
    await register.close()
  }
}

/** Opening has checked it. */
function sqliteFindings(): readonly StoreFinding[] {
  return [{ check: 'schema', status: 'ok', message: `The schema has version ${SCHEMA}.` }]
}

async function contentsFinding(register: DeviceRegister): Promise<StoreFinding> {
  const damage = await register.damage()
  if (damage !== null)
    return { check: 'contents', status: 'failure', message: `The device register is damaged: ${damage}.` }
  const [{ devices }, { certificates }] = [await register.count(ALL_DEVICES), await register.head()]
  return {
    check: 'contents',
    status: 'ok',
    message: `${counted(devices, 'device')} with ${counted(certificates, 'certificate')}.`,
  }
}

async function certificatesFinding(
  { directory }: RegisterChoice,
  register: DeviceRegister,
  { files, random }: RegisterPorts,
): Promise<StoreFinding> {
  const cas = (await readableCertificates(pkiDirectory(files, directory))).map(({ certificate }) => certificate)
  const fault = await sampleFault(register, cas, random)
  return fault === null
    ? {
        check: 'certificates',
        status: 'ok',
        message: 'Sampled certificates are signed by device CAs of this directory.',
      }
    : { check: 'certificates', status: 'failure', message: fault }
}

function worstOf(checks: readonly StoreFinding[]): CheckStoreResult['result'] {
  const has = (status: StoreFinding['status']) => checks.some((one) => one.status === status)
  if (has('failure')) return 'failure'
  return has('warning') ? 'warning' : 'ok'
}
