/** The commands that make or change something, as one chunk of the bundle: every chunk more costs every start. */
export { addCa } from './add-device-ca.js'
export { changeCas } from './change-device-cas.js'
export { create } from './create.js'
export { makeRootCsr } from './root-csr.js'
export { authorizeEst, rotateTls } from './rotate-tls.js'
export { sign } from './sign.js'
export { update } from './update.js'
