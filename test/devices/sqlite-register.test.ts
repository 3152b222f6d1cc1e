import { describe } from 'vitest'
import { contractOf } from './register-contract.js'
import { sqliteScene } from './register-scene.js'
import { registrationContractOf } from './registration-contract.js'

describe('the register in SQLite', () => {
  const scene = async () => {
    const { open } = await sqliteScene()
    return open
  }
  contractOf(scene)
  registrationContractOf(scene)
})
