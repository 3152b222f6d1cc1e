import { MAX_TREE_BYTES } from '../../storage/tree.js'

/** OpenSSL reads a DER file into a buffer of at most this size (LIMIT_BEFORE_EXPANSION in crypto/buffer/buffer.c). */
export const MAX_BACKUP_BYTES = 0x5fff_fffc

/** The PKI directory and the embedded factory, with headers and checksums. These are in memory. */
export const MAX_OTHER_BYTES = 3 * MAX_TREE_BYTES

/** The largest device register in a backup: about 1,700,000 devices. */
export const MAX_REGISTER_BYTES = MAX_BACKUP_BYTES - MAX_OTHER_BYTES
