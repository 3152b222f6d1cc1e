import { describe } from 'vitest'
import { lifeContractOf } from './life-contract.js'
import { contractOf } from './register-contract.js'
import { sqliteScene } from './register-scene.js'
import { registrationContractOf } from './registration-contract.js'
import { renewalContractOf } from './renewal-contract.js'

const scene = async () => {
  const { open } = await sqliteScene()
  return open
}

// Each contract has its own hooks, which would run for the tests of the other.
describe('the register in SQLite', () => contractOf(scene))
describe('the register in SQLite, for the registration service', () => registrationContractOf(scene))
describe('the register in SQLite, for renewals', () => renewalContractOf(scene))
describe('the register in SQLite, for the later life of devices', () => lifeContractOf(scene))
