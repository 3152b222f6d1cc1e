/// <reference types="node" preserve="true" />
/**
 * fpki as a library: the operations of the command line, and the ports that they take.
 *
 * @module
 */

export { completionDocument, errorDocument, versionDocument } from './cli/documents.js'
export type { Connection, Proof } from './config/connection.js'
export { changedLogin, changedSetting, configPath, type ShownConfig, shownConfig } from './config/shown.js'
export { durableFiles } from './directory/files.js'
export { FILE_MEANINGS, PKI_FILES, type PkiFile } from './directory/names.js'
export { nodeFileSystem } from './directory/node-file-system.js'
export { type FpkiCode, FpkiError } from './errors.js'
export * from './factory/api.js'
export {
  embeddedFactoriesOn,
  embeddedFactoryOn,
  type HttpPorts,
  httpFactoryOn,
  type Machine,
  thisMachine,
} from './machine.js'
export { type AbandonedWork, type AbandonPorts, abandonedWork, abandonWork } from './operations/abandon.js'
export {
  type AddDeviceCaOptions,
  type AddedDeviceCas,
  addDeviceCa,
  addedDeviceCas,
} from './operations/add-device-ca.js'
export {
  type ApiToken,
  apiToken,
  type CreatedApiToken,
  createdApiToken,
  type ListedApiTokens,
  listedApiTokens,
  type RevokedApiToken,
  revokedApiToken,
} from './operations/api-tokens.js'
export {
  type BackupPkiOptions,
  type BackupPkiPorts,
  type BackupTarget,
  backupPki,
  type MadeBackup,
  madeBackup,
  type ReadyTarget,
  readyTarget,
} from './operations/backup-pki.js'
export {
  authorizeEst,
  type CertifyServerOptions,
  rotateTls,
  type ServerCertified,
  serverCertified,
} from './operations/certify-server.js'
export {
  type ChangeDeviceCasOptions,
  type ChangeDeviceCasPorts,
  type ChangedDeviceCas,
  changeDeviceCas,
  changedDeviceCas,
} from './operations/change-device-cas.js'
export type { ChangePorts } from './operations/change-pki.js'
export {
  type CheckBackupOptions,
  type CheckBackupPorts,
  type CheckedBackup,
  checkBackup,
  checkedBackup,
} from './operations/check-backup.js'
export { type CheckedHsm, type CheckHsmPorts, checkedHsm, checkHsm } from './operations/check-hsm.js'
export { type CheckedRegister, checkedRegister, checkRegister } from './operations/check-register.js'
export {
  type CreatedPki,
  type CreatePkiOptions,
  type CreatePkiPorts,
  createdPki,
  createPki,
} from './operations/create-pki.js'
export {
  type DeletedFactory,
  type DeleteFactoryPorts,
  deletedFactory,
  deleteFactory,
} from './operations/delete-factory.js'
export { diffSnapshots, type SnapshotDiff, snapshotDiff } from './operations/diff-snapshots.js'
export {
  type ExportedGateway,
  type ExportGatewayOptions,
  type ExportGatewayPorts,
  exportedGateway,
  exportGateway,
} from './operations/export-gateway.js'
export {
  type ExportedP12,
  type ExportP12Options,
  type ExportP12Ports,
  exportedP12,
  exportP12,
} from './operations/export-p12.js'
export {
  type ImportedRoot,
  type ImportRootOptions,
  type ImportRootPorts,
  importedRoot,
  importRoot,
} from './operations/import-root.js'
export {
  type LintedFiles,
  type LintFilesOptions,
  type LintFilesPorts,
  lintedFiles,
  lintFiles,
} from './operations/lint-files.js'
export { type ListedModules, type ListedToken, listedModules, listTokens } from './operations/list-tokens.js'
export { nothingToResume, type OpenWork, openWork } from './operations/open-work.js'
export { type PingedApi, pingApi, pingedApi } from './operations/ping-api.js'
export {
  type PrintedPaper,
  type PrintPaperOptions,
  type PrintPaperPorts,
  printedPaper,
  printPaper,
} from './operations/print-paper.js'
export {
  type RestoredPaper,
  type RestorePaperOptions,
  type RestorePaperPorts,
  restoredPaper,
  restorePaper,
} from './operations/restore-paper.js'
export {
  type RestoredPki,
  type RestorePkiOptions,
  type RestorePkiPorts,
  restoredPki,
  restorePki,
} from './operations/restore-pki.js'
export {
  type MadeRootCsr,
  madeRootCsr,
  type RootCsrOptions,
  type RootCsrPorts,
  rootCsr,
} from './operations/root-csr.js'
export { type ServedApi, servedApi } from './operations/served-api.js'
export { type ShownHistory, showHistory, shownHistory } from './operations/show-history.js'
export {
  type ShownCertificate,
  type ShownEst,
  type ShownPki,
  shownEst,
  shownPki,
  showPki,
} from './operations/show-pki.js'
export { type RegisterFilter, type ShownRegister, shownRegister, showRegister } from './operations/show-register.js'
export {
  type SignedRequest,
  type SignRequestOptions,
  type SignRequestPorts,
  signedRequest,
  signRequest,
} from './operations/sign-request.js'
export { type StatusOfPkis, statusOfDirectories, statusOfPkis, statusOfShown } from './operations/status-pki.js'
export {
  type UpdateDeviceCasOptions,
  type UpdateDeviceCasPorts,
  type UpdatedDeviceCas,
  type UpdatePlan,
  updateDeviceCas,
  updatedDeviceCas,
} from './operations/update-device-cas.js'
export { CODES, type CodeMeaning, type FindingCode } from './operations/verify/codes.js'
export { type Finding, finding } from './operations/verify/finding.js'
export {
  type VerifiedPki,
  type VerifyPkiOptions,
  type VerifyPkiPorts,
  verifiedPki,
  verifyPki,
} from './operations/verify-pki.js'
export { type CertificateFacts, certificateFacts } from './pki/describe.js'
export { type CrlFacts, crlFacts } from './pki/describe-crl.js'
export type * from './ports.js'
export type { ModuleChoice } from './signer/pkcs11/list.js'
export type { ListProcess } from './signer/pkcs11/list-in-child.js'
export { VERSION } from './version.js'
