import { describe } from 'vitest'
import { contractOf } from './register-contract.js'
import { sqliteScene } from './register-scene.js'
import { registrationContractOf } from './registration-contract.js'

const scene = async () => {
  const { open } = await sqliteScene()
  return open
}

// Each contract has its own hooks, which would run for the tests of the other.
describe('the register in SQLite', () => contractOf(scene))
describe('the register in SQLite, for the registration service', () => registrationContractOf(scene))
