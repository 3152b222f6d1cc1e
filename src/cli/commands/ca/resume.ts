import { type Journal, type OpenWork, openWork } from '../../../journal/unfinished.js'
import { thisMachine } from '../../../machine/index.js'
import { resolved } from '../../directory.js'
import type { HsmFlags } from '../../hsm-options.js'
import type { CommonFlags } from '../../options.js'
import { type Io, printJson, progressOn } from '../../output.js'
import { withRecorded } from '../../recorded.js'
import { abandonDirectory } from './abandon.js'
import { addCa } from './add-device-ca.js'
import { changeCas } from './change-device-cas.js'
import { create } from './create.js'
import { crossSign } from './cross-sign.js'
import { renewRoot } from './renew-root.js'
import { makeRootCsr } from './root-csr.js'
import { authorizeEst, rotateTls } from './rotate-tls.js'

/** The flags of `ca resume`. */
export interface ResumeFlags extends CommonFlags, HsmFlags {
  /** The file with the key of an external root; the journal does not record it. */
  readonly rootKey?: string
}

/** `fpki ca resume <directory>` */
export async function resume(directory: string, flags: ResumeFlags, io: Io): Promise<void> {
  const path = resolved(directory, io)
  const open = await openWork({ directory: path }, thisMachine(io.machine))
  if (open === null) {
    progressOn(io, flags).note(`Nothing to resume in ${path}.`)
    if (flags.json) printJson(io, { directory: path, resumed: null })
    return
  }
  const recorded = await withRecorded(flags, open, io)
  await finish(path, flagsFor({ ...recorded, ...(await moduleFor(flags, open, io)) }, open), open.journal, io)
}

/** The flags with the options that the command was started with. */
function flagsFor(flags: ResumeFlags, { journal: { options }, token }: OpenWork) {
  const tlsNames = 'tlsNames' in options ? options.tlsNames : []
  return {
    ...flags,
    ...optional('hsmTokenLabel', flags.hsmTokenLabel ?? token?.label),
    ...optional('hsmTokenSerial', flags.hsmTokenSerial ?? token?.serial),
    ...optional('hsmUri', flags.hsmUri ?? token?.keyUri),
    ...('root' in options ? keyFlags(options) : {}),
    ...(tlsNames.length === 0 ? {} : { tlsName: tlsNames }),
  }
}

/** The flags that say where keys are made. On the command line, all key files are encrypted or none. */
function keyFlags(options: Extract<Journal['options'], { readonly root: unknown }>) {
  const { root, localCa } = { localCa: { kind: 'none' } as const, ...options }
  const rootFile = root.kind === 'existing' ? root.key : root
  const isEncrypted = [rootFile, localCa].some((place) => 'encrypt' in place && place.encrypt)
  return {
    ...(root.kind === 'existing' ? { rootCert: root.certificateFile } : {}),
    ...(root.kind === 'new-token' ? { keyType: root.curve } : {}),
    ...(isEncrypted ? { encryptKeys: true as const } : {}),
    ...(localCa.kind === 'token' ? { localCaInHsm: true as const } : {}),
  }
}

/** The module that flags or environment name, else that of the journal. */
async function moduleFor({ hsmModule, hsmUri }: ResumeFlags, open: OpenWork, { env }: Io) {
  const named = hsmModule ?? (env['FPKI_HSM_MODULE'] || undefined)
  if (named !== undefined || hsmUri?.includes('module-')) return optional('hsmModule', named)
  return optional('hsmModule', (await open.module()) ?? undefined)
}

type ResumedFlags = ReturnType<typeof flagsFor>

/** Finishes the command of a journal. */
async function finish(directory: string, flags: ResumedFlags, { command, options }: Journal, io: Io): Promise<void> {
  switch (command) {
    case 'ca create':
      return create(directory, { ...flags, onlineCa: options.onlineCa, localCa: options.localCa.kind !== 'none' }, io)
    case 'ca root-csr':
      return makeRootCsr(directory, flags, io)
    case 'ca rotate-tls':
      return rotateTls(directory, flags, io)
    case 'est authorize':
      return authorizeEst(directory, flags, io)
    case 'ca add-device-ca': {
      const { onlineCa, localCa, localCaFilename, crlSign } = options
      const cas = { onlineCa, localCa, localCaFilename: localCaFilename ?? 'local-ca.pem', crlSign }
      return addCa(directory, { ...flags, ...cas }, io)
    }
    case 'ca import-root':
      return finishImport(directory, flags, options, io)
    case 'ca cross-sign':
      return crossSign(directory, { ...flags, with: options.with }, io)
    case 'ca renew-root':
      return renewRoot(directory, flags, io)
    case 'ca abandon':
      return abandonDirectory(directory, flags, io)
    case 'ca revoke-device-ca':
      return changeCas('revoke', directory, { ...flags, caSerial: options.caSerials }, io)
    case 'ca disable-device-ca':
      return changeCas('disable', directory, { ...flags, caSerial: options.caSerials }, io)
    case 'ca enable-device-ca':
      return changeCas('enable', directory, { ...flags, caSerial: options.caSerials }, io)
  }
}

async function finishImport(
  directory: string,
  { rootKey: _, ...flags }: ResumedFlags,
  { removeKey }: { readonly removeKey: boolean },
  io: Io,
): Promise<void> {
  const { importRootKey } = await import('../hsm/index.js')
  await importRootKey(directory, { ...flags, ...(removeKey ? { removeKey: true as const } : {}) }, io)
}

function optional<Name extends string>(
  name: Name,
  value: string | null | undefined,
): { readonly [key in Name]?: string } {
  return value ? ({ [name]: value } as { readonly [key in Name]: string }) : {}
}
