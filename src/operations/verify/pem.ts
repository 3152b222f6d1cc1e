import { isKeyFile } from '../../directory/names.js'
import { type Finding, found } from './finding.js'
import type { Scene } from './scene.js'

/** SEC 1, PKCS #8 plain or encrypted, and the parameters that `openssl ecparam -genkey` puts before a key (contract.md 2). */
const KEY_BLOCKS = /^(EC PARAMETERS )?(EC PRIVATE KEY|PRIVATE KEY|ENCRYPTED PRIVATE KEY)$/

/** One PEM block of the right kind a file, and a certificate that can be read. */
export function checkPem({ files, broken }: Scene): readonly Finding[] {
  const keys = files.filter(({ name, text }) => isKeyFile(name) && text !== null && !isKeyPem(text))
  return [
    ...broken.map(({ file, problem }) => found('pem.broken', file, problem.message)),
    ...keys.map(({ name }) => found('pem.broken', name, `${name} does not hold one private key in PEM.`)),
  ]
}

/** Does `text` hold one private key, as far as its labels say? */
export function isKeyPem(text: string): boolean {
  const labels = [...text.matchAll(/^-----BEGIN ([A-Z0-9 ]+)-----\r?$[\s\S]+?^-----END \1-----/gm)]
  return KEY_BLOCKS.test(labels.map(([, label]) => label).join(' '))
}
