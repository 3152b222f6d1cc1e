import type { CertificateFiles } from '../devices/output/sota-files.js'
import type { SotaServers } from '../devices/output/sota-servers.js'
import { sotaToml } from '../devices/output/sota-toml.js'
import type { RegistrationFiles, RegistrationRequest } from './model.js'

/** So many images with different settings are few; a list of a million different ones must not fill the memory. */
const MAX_KEPT = 64

/** Makes the sota.toml that a request asks for. Throws ERR_USAGE because of an override. */
export function tomlFor(servers: SotaServers): (request: RegistrationRequest) => string {
  const texts = new Map<string, string>()
  return ({ hardwareId, configDirectory, usesOstree, overrides }) => {
    const settings = { hardwareId, configDirectory, usesOstree, overrides }
    const key = JSON.stringify(settings)
    const kept = texts.get(key)
    if (kept !== undefined) return kept
    const toml = sotaToml({ ...servers, ...settings })
    if (texts.size >= MAX_KEPT) texts.clear()
    texts.set(key, toml)
    return toml
  }
}

/** The files of an answer, and nothing else. */
export function answerFiles(certificates: CertificateFiles, toml: string): RegistrationFiles {
  return {
    'root.crt': certificates['root.crt'],
    'sota.toml': toml,
    'client.pem': certificates['client.pem'],
    'client.chained': certificates['client.chained'],
  }
}
