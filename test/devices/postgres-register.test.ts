import { describe } from 'vitest'
import { postgresScene } from './postgres-scene.js'
import { contractOf } from './register-contract.js'
import { registrationContractOf } from './registration-contract.js'

describe('the register in PostgreSQL', () => {
  const scene = async () => {
    const { open } = await postgresScene()
    return () => open()
  }
  contractOf(scene)
  registrationContractOf(scene)
})
