/// <reference types="node" preserve="true" />
/**
 * The fpki library: the operations of the command line, and the ports that they need.
 *
 * @module
 */

export { completionDocument, errorDocument, versionDocument } from './cli/documents.js'
export type { Connection, ServerCredentials } from './config/connection.js'
export {
  configPathResult,
  loginResult,
  type ShowConfigResult,
  setConfigResult,
  showConfigResult,
} from './config/shown.js'
export * from './devices/credential-store.js'
export {
  copyDeviceRegister,
  openDeviceRegister,
  type RegisterOptions,
  type RegisterPorts,
} from './devices/open.js'
export * from './devices/outbox.js'
export * from './devices/refusal.js'
export * from './devices/register.js'
export { FILE_MEANINGS, PKI_FILES, type PkiFile } from './directory/names.js'
export type { KeyRef } from './directory/records.js'
export { type FpkiCode, FpkiError, type FpkiOption } from './errors.js'
export * from './factory/api.js'
export type { DenyOutcome, DeviceApi, PublishedDevice, PutOptions, PutOutcome } from './factory/device-api.js'
export { nothingToResume, type OpenWork, openWork } from './journal/unfinished.js'
export type { KeyAccess, RootKeyPlace } from './keystore/root-key.js'
export { deviceThreadProgram, registerThreadProgram } from './machine/device-thread.js'
export {
  type DeviceMachine,
  type DeviceThreads,
  deviceMachine,
  type ServiceMachine,
  type ServiceThreads,
  serviceMachine,
  streamSink,
} from './machine/devices.js'
export {
  embeddedFactoriesOn,
  embeddedFactoryOn,
  type HttpPorts,
  httpFactoryOn,
  thisMachine,
  waitOrAbort,
} from './machine/index.js'
export type { Machine } from './machine/machine.js'
export {
  type ApiToken,
  apiToken,
  type CreateApiTokenResult,
  createApiTokenResult,
  type ListApiTokensResult,
  listApiTokensResult,
  type RevokeApiTokenResult,
  revokeApiTokenResult,
} from './operations/api/api-tokens.js'
export {
  type DeleteFactoryPorts,
  type DeleteFactoryResult,
  deleteFactory,
  deleteFactoryResult,
} from './operations/api/delete-factory.js'
export { type PingApiResult, pingApi, pingApiResult } from './operations/api/ping-api.js'
export {
  type LintFilesOptions,
  type LintFilesPorts,
  type LintFilesResult,
  lintFiles,
  lintFilesResult,
} from './operations/audit/lint-files.js'
export {
  type PkiStatusResult,
  pkiStatusResult,
  type StatusOfDirectoriesOptions,
  statusOfDirectories,
  statusOfShown,
} from './operations/audit/status-pki.js'
export { CODES, type CodeMeaning, type FindingCode } from './operations/audit/verify/codes.js'
export { type Finding, finding } from './operations/audit/verify/finding.js'
export {
  type VerifyPkiOptions,
  type VerifyPkiPorts,
  type VerifyPkiResult,
  verifyPki,
  verifyPkiResult,
} from './operations/audit/verify-pki.js'
export {
  type BackupPkiOptions,
  type BackupPkiPorts,
  type BackupPkiResult,
  type BackupTarget,
  backupPki,
  backupPkiResult,
  type PreparedBackupTarget,
  prepareBackupTarget,
} from './operations/backup/backup-pki.js'
export {
  type CheckBackupOptions,
  type CheckBackupPorts,
  type CheckBackupResult,
  checkBackup,
  checkBackupResult,
} from './operations/backup/check-backup.js'
export {
  type RestorePkiOptions,
  type RestorePkiPorts,
  type RestorePkiResult,
  restorePki,
  restorePkiResult,
} from './operations/backup/restore-pki.js'
export {
  type CreatePkiOptions,
  type CreatePkiPorts,
  type CreatePkiResult,
  createPki,
  createPkiResult,
} from './operations/create/create-pki.js'
export type {
  ExistingRootOption,
  KeyInDirectory,
  KeyInFile,
  KeyInToken,
  KeyPlaces,
  LocalCaInFile,
  LocalCaInToken,
  NewRootInFile,
  NewRootInToken,
  NoLocalCa,
} from './operations/create/options.js'
export {
  type CreateRootCsrOptions,
  type CreateRootCsrPorts,
  type CreateRootCsrResult,
  createRootCsr,
  createRootCsrResult,
} from './operations/create/root-csr.js'
export {
  type AddDeviceCaOptions,
  type AddDeviceCaResult,
  addDeviceCa,
  addDeviceCaResult,
} from './operations/device-cas/add-device-ca.js'
export type { ChangePorts } from './operations/device-cas/change.js'
export {
  type ChangeDeviceCasOptions,
  type ChangeDeviceCasPorts,
  type ChangeDeviceCasResult,
  changeDeviceCas,
  changeDeviceCasResult,
} from './operations/device-cas/change-device-cas.js'
export {
  type UpdateDeviceCasOptions,
  type UpdateDeviceCasPorts,
  type UpdateDeviceCasResult,
  type UpdatePlan,
  updateDeviceCas,
  updateDeviceCasResult,
} from './operations/device-cas/update-device-cas.js'
export {
  type DeviceServicesOptions,
  type OpenDeviceServices,
  openDeviceServices,
} from './operations/device-services/open-device-services.js'
export {
  type ChangeDenialsOptions,
  type ChangeDenialsPorts,
  type ChangeDenialsResult,
  changeDenials,
  changeDenialsResult,
} from './operations/devices/denial/change-denials.js'
export type { DenialChange, DenialPlan } from './operations/devices/denial/denial-plan.js'
export type { DeviceInputFormat, DeviceInputSource } from './operations/devices/input/open.js'
export {
  type IssueDevicesOptions,
  type IssueDevicesPorts,
  type IssueDevicesResult,
  issueDevices,
  issueDevicesResult,
} from './operations/devices/issue/issue-devices.js'
export {
  type ChangeLineResult,
  changeLine,
  changeLineResult,
  createLine,
  type LineChoice,
  setLineState,
} from './operations/devices/lines/change-lines.js'
export type { LinePorts } from './operations/devices/lines/change-register.js'
export { type LineFacts, lineFacts } from './operations/devices/lines/line-facts.js'
export type { LineOptions } from './operations/devices/lines/line-settings.js'
export {
  type CreateStationResult,
  createStation,
  createStationResult,
  type ListStationsResult,
  listStations,
  listStationsResult,
  type RevokeStationResult,
  revokeStation,
  revokeStationResult,
  type StationChoice,
  type StationFacts,
  type StationIdentity,
  stationFacts,
} from './operations/devices/lines/line-stations.js'
export {
  type CreateLineTokenResult,
  createLineToken,
  createLineTokenResult,
  type LineTokenFacts,
  type LineTokenOptions,
  type ListLineTokensResult,
  lineTokenFacts,
  listLineTokens,
  listLineTokensResult,
  type RevokeLineTokenResult,
  revokeLineToken,
  revokeLineTokenResult,
} from './operations/devices/lines/line-tokens.js'
export {
  type ListLinesResult,
  listLines,
  listLinesResult,
  type ShowLineResult,
  showLine,
  showLineResult,
} from './operations/devices/lines/show-lines.js'
export type { DeviceResult, IssuedDevice, PlannedDevice, RefusedDevice } from './operations/devices/model.js'
export type { RegisterChoice } from './operations/devices/open-register.js'
export { planOutput } from './operations/devices/output/plan.js'
export type { OutputFormat, OutputPlan } from './operations/devices/output/settings.js'
export {
  type PublishListsOptions,
  type PublishListsPorts,
  type PublishListsResult,
  publishLists,
  publishListsResult,
} from './operations/devices/publish/publish-lists.js'
export { type DeviceFactsDocument, deviceFacts } from './operations/devices/query/device-facts.js'
export {
  type CountDevicesResult,
  countDevices,
  countDevicesResult,
  type ListDevicesResult,
  listDevices,
  listDevicesResult,
} from './operations/devices/query/list-devices.js'
export type { DeviceSelection, QueryPorts } from './operations/devices/query/read-register.js'
export { type ShowDeviceResult, showDevice, showDeviceResult } from './operations/devices/query/show-device.js'
export {
  type ReportDevicesOptions,
  type ReportDevicesPorts,
  type ReportDevicesResult,
  reportDevices,
  reportDevicesResult,
} from './operations/devices/report/report-devices.js'
export {
  type SeenDevicesOptions,
  type SeenDevicesPorts,
  type SeenDevicesResult,
  seenDevices,
  seenDevicesResult,
} from './operations/devices/seen/seen-devices.js'
export { type CheckStoreResult, checkStore, checkStoreResult } from './operations/devices/store/check-store.js'
export {
  type CopyStoreOptions,
  type CopyStoreResult,
  copyStore,
  copyStoreResult,
} from './operations/devices/store/copy-store.js'
export {
  initStore,
  type MigrateStoreResult,
  migrateStore,
  migrateStoreResult,
} from './operations/devices/store/migrate-store.js'
export {
  type ExportDevicesOptions,
  type ExportDevicesPorts,
  type ExportDevicesResult,
  exportDevices,
  exportDevicesResult,
} from './operations/devices/transfer/export-devices.js'
export {
  type ImportDevicesOptions,
  type ImportDevicesPorts,
  type ImportDevicesResult,
  importDevices,
  importDevicesResult,
} from './operations/devices/transfer/import-devices.js'
export {
  type ImportRegistrationRefOptions,
  type ImportRegistrationRefPorts,
  importRegistrationRef,
} from './operations/devices/transfer/import-registration-ref.js'
export {
  type PublishDevicesOptions,
  type PublishDevicesPorts,
  publishDevices,
} from './operations/devices/transfer/publish-devices.js'
export {
  type ExportGatewayOptions,
  type ExportGatewayPorts,
  type ExportGatewayResult,
  exportGateway,
  exportGatewayResult,
} from './operations/gateway/export-gateway.js'
export { type CheckAuditLogResult, checkAuditLog, checkAuditLogResult } from './operations/history/check-audit-log.js'
export { type DiffSnapshotsResult, diffSnapshots, diffSnapshotsResult } from './operations/history/diff-snapshots.js'
export {
  type AuditLogFilter,
  type ShowAuditLogResult,
  showAuditLog,
  showAuditLogResult,
} from './operations/history/show-audit-log.js'
export { type ShowHistoryResult, showHistory, showHistoryResult } from './operations/history/show-history.js'
export { type CheckHsmPorts, type CheckHsmResult, checkHsm, checkHsmResult } from './operations/hsm/check-hsm.js'
export {
  type ImportRootOptions,
  type ImportRootPorts,
  type ImportRootResult,
  importRoot,
  importRootResult,
} from './operations/hsm/import-root.js'
export { type ListedToken, type ListTokensResult, listTokens, listTokensResult } from './operations/hsm/list-tokens.js'
export {
  type ExportKitOptions,
  type ExportKitPorts,
  type ExportKitResult,
  exportKit,
  exportKitResult,
} from './operations/kit/export-kit.js'
export {
  type ExportAnswersOptions,
  type ExportAnswersPorts,
  type ExportAnswersResult,
  exportAnswers,
  exportAnswersResult,
} from './operations/ocsp/export-answers.js'
export {
  type ExportP12Options,
  type ExportP12Ports,
  type ExportP12Result,
  exportP12,
  exportP12Result,
} from './operations/paper/export-p12.js'
export {
  type PaperProtection,
  type PrintPaperOptions,
  type PrintPaperPorts,
  type PrintPaperResult,
  printPaper,
  printPaperResult,
} from './operations/paper/print-paper.js'
export {
  type RestorePaperOptions,
  type RestorePaperPorts,
  type RestorePaperResult,
  restorePaper,
  restorePaperResult,
} from './operations/paper/restore-paper.js'
export type { ServiceRegister } from './operations/registration/issuing-thread/calls.js'
export {
  type Caller,
  CLOUD_MODES,
  type CloudMode,
  type Proof,
  type RegistrationFiles,
  type RegistrationOutcome,
  type RegistrationRequest,
  type RegistrationService,
  type RegistrationState,
} from './operations/registration/model.js'
export {
  openRegistration,
  type RegistrationCloud,
  type RegistrationOptions,
  type RegistrationPorts,
} from './operations/registration/open-registration.js'
export {
  type PublishOutboxOptions,
  type PublishOutboxPorts,
  type PublishOutboxResult,
  publishOutbox,
  publishOutboxResult,
} from './operations/registration/publish-outbox.js'
export {
  type ReadRegistrationRequest,
  type RequestErrors,
  readRegistrationRequest,
} from './operations/registration/request.js'
export { reminderCalendar } from './operations/reminders/calendar.js'
export { messageOf, type StatusMessage, statusMessage } from './operations/reminders/message.js'
export { type WebhookFormat, webhookBody } from './operations/reminders/webhook-body.js'
export {
  type ClientQuestion,
  EST_STATUSES,
  type EstClient,
  type EstOperation,
  type EstOutcome,
  type EstRefused,
  type EstStatus,
  type Identified,
  type RenewalService,
  type RenewingDevice,
} from './operations/renewal/model.js'
export { DEFAULT_OVERLAP, type RenewalTerms } from './operations/renewal/options.js'
export {
  type DrawPkiOptions,
  drawHierarchy,
  hierarchyOfShown,
  type PictureFormat,
} from './operations/report/draw-pki.js'
export { type PkiReport, pkiReport } from './operations/report/model.js'
export {
  REPORT_FORMATS,
  type ReportFormat,
  type ReportPkiOptions,
  type ReportPkiPorts,
  type ReportPkiResult,
  renderReport,
  reportPki,
  reportPkiResult,
} from './operations/report/report-pki.js'
export {
  type AbandonPorts,
  type AbandonWorkResult,
  abandonWork,
  abandonWorkResult,
} from './operations/resume/abandon.js'
export {
  type CrossSignOptions,
  type CrossSignPorts,
  type CrossSignResult,
  crossSign,
  crossSignResult,
} from './operations/root-change/cross-sign.js'
export {
  type PlanRootChangeOptions,
  type PlanRootChangeResult,
  planRootChange,
  planRootChangeResult,
} from './operations/root-change/plan-root-change.js'
export {
  type RenewRootOptions,
  type RenewRootPlan,
  type RenewRootPorts,
  type RenewRootResult,
  renewRoot,
  renewRootResult,
} from './operations/root-change/renew-root.js'
export {
  authorizeEst,
  type CertifyServerOptions,
  type CertifyServerResult,
  certifyServerResult,
  rotateTls,
} from './operations/servers/certify-server.js'
export type {
  Hierarchy,
  HierarchyCertificate,
  HierarchyLine,
} from './operations/show/hierarchy.js'
export {
  type ShowEstResult,
  type ShownCertificate,
  type ShowPkiResult,
  showEstResult,
  showPki,
  showPkiResult,
} from './operations/show/show-pki.js'
export {
  type SignRequestOptions,
  type SignRequestPorts,
  type SignRequestResult,
  signRequest,
  signRequestResult,
} from './operations/signing/sign-request.js'
export { type CertificateFacts, certificateFacts } from './pki/describe.js'
export { type CrlFacts, crlFacts } from './pki/describe-crl.js'
export type * from './ports.js'
export { type RelayResult, relayResult } from './server/relay/served-relay.js'
export { type ServeApiResult, serveApiResult } from './server/served-api.js'
export { type ServeDevicesResult, serveDevicesResult } from './server/served-devices.js'
export type { ListProcess } from './signer/pkcs11/list-in-child.js'
export { durableFiles } from './storage/files.js'
export { nodeFileSystem } from './storage/node-file-system.js'
export { VERSION } from './version.js'
