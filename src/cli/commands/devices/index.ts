/** The commands that issue device certificates and look at them. One chunk of the bundle. */
export { allow, deny } from './denial.js'
export { exportIssued } from './export.js'
export { exportSiteKit } from './export-kit.js'
export { importIssued } from './import.js'
export { issue } from './issue.js'
export { ocspExport } from './ocsp-export.js'
export { publish } from './publish.js'
export { seen } from './seen.js'
