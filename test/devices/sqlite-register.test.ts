import { describe } from 'vitest'
import { contractOf } from './register-contract.js'
import { sqliteScene } from './register-scene.js'

describe('the register in SQLite', () => {
  contractOf(async () => {
    const { open } = await sqliteScene()
    return open
  })
})
