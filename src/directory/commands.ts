/** The command that abandons an interrupted one. */
export const ABANDON = 'ca abandon'

/** The command that creates a PKI. */
export const CREATE = 'ca create'

/** The command that creates a root key and its certificate request. */
export const ROOT_CSR_COMMAND = 'ca root-csr'
