import { describe } from 'vitest'
import { postgresScene } from './postgres-scene.js'
import { contractOf } from './register-contract.js'

describe('the register in PostgreSQL', () => {
  contractOf(async () => {
    const { open } = await postgresScene()
    return () => open()
  })
})
