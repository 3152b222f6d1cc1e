/** The command that gives up an interrupted one. */
export const ABANDON = 'ca abandon'

/** The command that makes a PKI. */
export const CREATE = 'ca create'

/** The command that leaves a key, which waits for its certificate. */
export const ROOT_CSR_COMMAND = 'ca root-csr'
