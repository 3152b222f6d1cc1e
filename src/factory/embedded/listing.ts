import { join } from 'node:path'
import { isFactoryName } from '../../factory-name.js'
import type { DurableFiles } from '../../ports.js'
import { readJsonFileText } from '../../storage/json-file.js'
import { factoryFolder, statePath } from './state.js'

/** The names of the factories that a state directory holds, sorted. */
export async function embeddedFactories(files: DurableFiles, stateDirectory: string): Promise<readonly string[]> {
  const names = (await files.list(join(stateDirectory, 'factories'))) ?? []
  const contents = await Promise.all(
    names.map((name) => files.list(factoryFolder(stateDirectory, name)).catch(() => null)),
  )
  return names.filter((name, at) => isFactoryName(name) && contents[at]?.includes('factory.json'))
}

/** Does a state directory hold this factory? `factory` comes from outside. */
export async function embeddedHas(files: DurableFiles, stateDirectory: string, factory: string): Promise<boolean> {
  const isThere = async () => (await files.kindOf(statePath(factoryFolder(stateDirectory, factory)))) === 'file'
  return isFactoryName(factory) && (await isThere())
}

/** The state of a factory as it stands in its file; null: there is none. `factory` comes from outside. */
export async function embeddedText(
  files: DurableFiles,
  stateDirectory: string,
  factory: string,
): Promise<string | null> {
  if (!isFactoryName(factory)) return null
  const path = statePath(factoryFolder(stateDirectory, factory))
  await files.checkOwnFile(path)
  return readJsonFileText(files, path)
}
