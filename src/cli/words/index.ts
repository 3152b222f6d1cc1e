import type { Command } from 'commander'
import type { Io } from '../output.js'
import { addDeleteFactory } from './api/delete-factory.js'
import { addExportGateway } from './api/export-gateway.js'
import { addPing } from './api/ping.js'
import { addServe } from './api/serve.js'
import { addToken } from './api/token.js'
import { addAbandon } from './ca/abandon.js'
import { addAddDeviceCa } from './ca/add-device-ca.js'
import { addBackup } from './ca/backup.js'
import { addCreate } from './ca/create.js'
import { addCrossSign } from './ca/cross-sign.js'
import { addDiff } from './ca/diff.js'
import { addDisableDeviceCa } from './ca/disable-device-ca.js'
import { addEnableDeviceCa } from './ca/enable-device-ca.js'
import { addExport } from './ca/export.js'
import { addExportKit } from './ca/export-kit.js'
import { addHistory } from './ca/history.js'
import { addImportRoot } from './ca/import-root.js'
import { addLog } from './ca/log.js'
import { addPaper } from './ca/paper.js'
import { addPlanRootChange } from './ca/plan-root-change.js'
import { addRenewRoot } from './ca/renew-root.js'
import { addReportOnPki } from './ca/report.js'
import { addRestore } from './ca/restore.js'
import { addResume } from './ca/resume.js'
import { addRevokeDeviceCa } from './ca/revoke-device-ca.js'
import { addRootCsr } from './ca/root-csr.js'
import { addRotateTls } from './ca/rotate-tls.js'
import { addShow } from './ca/show.js'
import { addSign } from './ca/sign.js'
import { addStatus } from './ca/status.js'
import { addUpdate } from './ca/update.js'
import { addVerify } from './ca/verify.js'
import { addCompletion } from './completion.js'
import { addConfigPath } from './config/path.js'
import { addConfigSet } from './config/set.js'
import { addConfigShow } from './config/show.js'
import { addConfigUnset } from './config/unset.js'
import { addCountDevices } from './devices/count.js'
import { addAllowDevices, addDenyDevices } from './devices/denial.js'
import { addExportDevices } from './devices/export.js'
import { addImportDevices } from './devices/import.js'
import { addIssue } from './devices/issue.js'
import { addListDevices } from './devices/list.js'
import { addOcspExport } from './devices/ocsp-export.js'
import { addPublishDevices } from './devices/publish.js'
import { addRelay } from './devices/relay.js'
import { addReport } from './devices/report.js'
import { addSeenDevices } from './devices/seen.js'
import { addServeDevices } from './devices/serve.js'
import { addShowDevice } from './devices/show.js'
import { addStore } from './devices/store.js'
import { addAuthorize } from './est/authorize.js'
import { addShowEst } from './est/show.js'
import { addCheck } from './hsm/check.js'
import { addList } from './hsm/list.js'
import { addChangeLine } from './lines/change.js'
import { addCreateLine } from './lines/create.js'
import { addListLines } from './lines/list.js'
import { addShowLine } from './lines/show.js'
import { addCloseLine, addPauseLine, addResumeLine } from './lines/state.js'
import { addListStations, addRevokeStation, addStation } from './lines/station.js'
import { addLineToken, addListLineTokens, addRevokeLineToken } from './lines/token.js'
import { addLint } from './lint.js'
import { addLogin } from './login.js'
import { addLogout } from './logout.js'

/** Adds one command with its arguments, flags and help. The code of its action is loaded when it runs. */
type AddWords = (group: Command, io: Io) => void

/** The groups of commands. */
export type Group = 'ca' | 'devices' | 'lines' | 'est' | 'hsm' | 'api' | 'config'

/** Commands that `--help` lists under one heading, in this order. */
export interface Section {
  readonly heading: string
  readonly commands: readonly AddWords[]
}

/** The commands of each group; those of `top` belong to no group. */
export const WORDS: Readonly<Record<Group | 'top', readonly Section[]>> = {
  ca: [
    { heading: 'Create:', commands: [addCreate, addRootCsr, addSign, addExport, addExportKit] },
    { heading: 'Inspect:', commands: [addShow, addVerify, addStatus, addReportOnPki, addLog, addHistory, addDiff] },
    {
      heading: 'Change:',
      commands: [addAddDeviceCa, addRevokeDeviceCa, addDisableDeviceCa, addEnableDeviceCa, addUpdate, addRotateTls],
    },
    { heading: 'Change the root:', commands: [addPlanRootChange, addCrossSign, addRenewRoot] },
    { heading: 'Protect:', commands: [addBackup, addPaper, addImportRoot] },
    { heading: 'Recover:', commands: [addRestore, addResume, addAbandon] },
  ],
  devices: [
    { heading: 'Issue:', commands: [addIssue] },
    { heading: 'Register:', commands: [addServeDevices, addRelay, addPublishDevices] },
    { heading: 'Deny:', commands: [addDenyDevices, addAllowDevices, addSeenDevices, addOcspExport] },
    { heading: 'Inspect:', commands: [addListDevices, addShowDevice, addCountDevices, addReport] },
    { heading: 'Move:', commands: [addExportDevices, addImportDevices] },
    { heading: 'Set up:', commands: [addStore] },
  ],
  lines: [
    {
      heading: 'Commands:',
      commands: [addCreateLine, addListLines, addShowLine, addChangeLine, addPauseLine, addResumeLine, addCloseLine],
    },
    {
      heading: 'Registration:',
      commands: [addLineToken, addListLineTokens, addRevokeLineToken, addStation, addListStations, addRevokeStation],
    },
  ],
  est: [{ heading: 'Commands:', commands: [addShowEst, addAuthorize] }],
  hsm: [{ heading: 'Commands:', commands: [addList, addCheck] }],
  api: [{ heading: 'Commands:', commands: [addPing, addServe, addToken, addExportGateway, addDeleteFactory] }],
  config: [{ heading: 'Commands:', commands: [addConfigShow, addConfigSet, addConfigUnset, addConfigPath] }],
  top: [
    { heading: 'Log in:', commands: [addLogin, addLogout] },
    { heading: 'Tools:', commands: [addLint, addCompletion] },
  ],
}
