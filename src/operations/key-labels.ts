import type { KeyChoice } from '../ports.js'

/** The label of the root key (contract.md 5). */
export const ROOT_KEY_LABEL = 'root-ca'

/** The key of local-ca in a token; its id tells it from the root's also where labels are not shown. */
export const LOCAL_CA_KEY: KeyChoice = { label: 'local-ca', id: '02' }
