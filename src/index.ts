/// <reference types="node" preserve="true" />
/**
 * The fpki library: the operations of the command line, and the ports that they need.
 *
 * @module
 */

export { completionDocument, errorDocument, versionDocument } from './cli/documents.js'
export type { Connection, Proof } from './config/connection.js'
export { changedLogin, changedSetting, configPath, type ShownConfig, shownConfig } from './config/shown.js'
export { FILE_MEANINGS, PKI_FILES, type PkiFile } from './directory/names.js'
export { type FpkiCode, FpkiError } from './errors.js'
export * from './factory/api.js'
export { nothingToResume, type OpenWork, openWork } from './journal/unfinished.js'
export { embeddedFactoriesOn, embeddedFactoryOn, type HttpPorts, httpFactoryOn, thisMachine } from './machine/index.js'
export type { Machine } from './machine/machine.js'
export {
  type ApiToken,
  apiToken,
  type CreatedApiToken,
  createdApiToken,
  type ListedApiTokens,
  listedApiTokens,
  type RevokedApiToken,
  revokedApiToken,
} from './operations/api/api-tokens.js'
export {
  type DeletedFactory,
  type DeleteFactoryPorts,
  deletedFactory,
  deleteFactory,
} from './operations/api/delete-factory.js'
export { type PingedApi, pingApi, pingedApi } from './operations/api/ping-api.js'
export {
  type LintedFiles,
  type LintFilesOptions,
  type LintFilesPorts,
  lintedFiles,
  lintFiles,
} from './operations/audit/lint-files.js'
export { type StatusOfPkis, statusOfDirectories, statusOfPkis, statusOfShown } from './operations/audit/status-pki.js'
export { CODES, type CodeMeaning, type FindingCode } from './operations/audit/verify/codes.js'
export { type Finding, finding } from './operations/audit/verify/finding.js'
export {
  type VerifiedPki,
  type VerifyPkiOptions,
  type VerifyPkiPorts,
  verifiedPki,
  verifyPki,
} from './operations/audit/verify-pki.js'
export {
  type BackupPkiOptions,
  type BackupPkiPorts,
  type BackupTarget,
  backupPki,
  type MadeBackup,
  madeBackup,
  type ReadyTarget,
  readyTarget,
} from './operations/backup/backup-pki.js'
export {
  type CheckBackupOptions,
  type CheckBackupPorts,
  type CheckedBackup,
  checkBackup,
  checkedBackup,
} from './operations/backup/check-backup.js'
export {
  type RestoredPki,
  type RestorePkiOptions,
  type RestorePkiPorts,
  restoredPki,
  restorePki,
} from './operations/backup/restore-pki.js'
export {
  type CreatedPki,
  type CreatePkiOptions,
  type CreatePkiPorts,
  createdPki,
  createPki,
} from './operations/create/create-pki.js'
export {
  type MadeRootCsr,
  madeRootCsr,
  type RootCsrOptions,
  type RootCsrPorts,
  rootCsr,
} from './operations/create/root-csr.js'
export {
  type AddDeviceCaOptions,
  type AddedDeviceCas,
  addDeviceCa,
  addedDeviceCas,
} from './operations/device-cas/add-device-ca.js'
export type { ChangePorts } from './operations/device-cas/change.js'
export {
  type ChangeDeviceCasOptions,
  type ChangeDeviceCasPorts,
  type ChangedDeviceCas,
  changeDeviceCas,
  changedDeviceCas,
} from './operations/device-cas/change-device-cas.js'
export {
  type UpdateDeviceCasOptions,
  type UpdateDeviceCasPorts,
  type UpdatedDeviceCas,
  type UpdatePlan,
  updateDeviceCas,
  updatedDeviceCas,
} from './operations/device-cas/update-device-cas.js'
export {
  type ExportedGateway,
  type ExportGatewayOptions,
  type ExportGatewayPorts,
  exportedGateway,
  exportGateway,
} from './operations/gateway/export-gateway.js'
export { type CheckedAuditLog, checkAuditLog, checkedAuditLog } from './operations/history/check-audit-log.js'
export { diffSnapshots, type SnapshotDiff, snapshotDiff } from './operations/history/diff-snapshots.js'
export {
  type AuditLogFilter,
  type ShownAuditLog,
  showAuditLog,
  shownAuditLog,
} from './operations/history/show-audit-log.js'
export { type ShownHistory, showHistory, shownHistory } from './operations/history/show-history.js'
export { type CheckedHsm, type CheckHsmPorts, checkedHsm, checkHsm } from './operations/hsm/check-hsm.js'
export {
  type ImportedRoot,
  type ImportRootOptions,
  type ImportRootPorts,
  importedRoot,
  importRoot,
} from './operations/hsm/import-root.js'
export { type ListedModules, type ListedToken, listedModules, listTokens } from './operations/hsm/list-tokens.js'
export {
  type ExportedP12,
  type ExportP12Options,
  type ExportP12Ports,
  exportedP12,
  exportP12,
} from './operations/paper/export-p12.js'
export {
  type PrintedPaper,
  type PrintPaperOptions,
  type PrintPaperPorts,
  printedPaper,
  printPaper,
} from './operations/paper/print-paper.js'
export {
  type RestoredPaper,
  type RestorePaperOptions,
  type RestorePaperPorts,
  restoredPaper,
  restorePaper,
} from './operations/paper/restore-paper.js'
export { type AbandonedWork, type AbandonPorts, abandonedWork, abandonWork } from './operations/resume/abandon.js'
export {
  authorizeEst,
  type CertifyServerOptions,
  rotateTls,
  type ServerCertified,
  serverCertified,
} from './operations/servers/certify-server.js'
export {
  type ShownCertificate,
  type ShownEst,
  type ShownPki,
  shownEst,
  shownPki,
  showPki,
} from './operations/show/show-pki.js'
export {
  type SignedRequest,
  type SignRequestOptions,
  type SignRequestPorts,
  signedRequest,
  signRequest,
} from './operations/signing/sign-request.js'
export { type CertificateFacts, certificateFacts } from './pki/describe.js'
export { type CrlFacts, crlFacts } from './pki/describe-crl.js'
export type * from './ports.js'
export { type ServedApi, servedApi } from './server/served-api.js'
export type { ModuleChoice } from './signer/pkcs11/list.js'
export type { ListProcess } from './signer/pkcs11/list-in-child.js'
export { durableFiles } from './storage/files.js'
export { nodeFileSystem } from './storage/node-file-system.js'
export { VERSION } from './version.js'
