import { randomBytes } from 'node:crypto'
import { describe } from 'vitest'
import { DEFAULT_LINE, DEFAULT_REISSUE_WINDOW } from '../../src/devices/register.js'
import { tableShapes } from '../../src/devices/table-shapes.js'
import { lifeContractOf } from './life-contract.js'
import { postgresScene } from './postgres-scene.js'
import { contractOf } from './register-contract.js'
import { NOON } from './register-scene.js'
import { registrationContractOf } from './registration-contract.js'
import { renewalContractOf } from './renewal-contract.js'

/** Making the tables takes most of the time of a test, so all have the same ones, and find them as new ones would be. */
let tables: ReturnType<typeof postgresScene> | null = null

async function emptied() {
  const earlier = tables
  tables ??= postgresScene()
  const { open, run } = await tables
  if (earlier !== null) {
    const names = (await tableShapes()).map(({ name }) => name)
    await run(
      [
        ...names.toReversed().map((name) => `delete from ${name}`),
        `insert into register (id) values ('${randomBytes(16).toString('hex')}')`,
        `insert into lines (name, state, allows_production, reissue_window, created_at)
          values ('${DEFAULT_LINE}', 'open', 1, ${DEFAULT_REISSUE_WINDOW}, ${NOON})`,
      ].join(';'),
    )
  }
  return () => open()
}

// Each contract has its own hooks, which would run for the tests of the other.
describe('the register in PostgreSQL', () => contractOf(emptied))
describe('the register in PostgreSQL, for the registration service', () => registrationContractOf(emptied))
describe('the register in PostgreSQL, for renewals', () => renewalContractOf(emptied))
describe('the register in PostgreSQL, for the later life of devices', () => lifeContractOf(emptied))
