// The software bill of materials (CycloneDX) of what runs, as npm reads it off the lock file.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const WORDS = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only']

/** Writes the SBOM of the package in the current folder; the same lock file gives the same SBOM. */
export async function writeSbom(path) {
  const { stdout } = await promisify(execFile)('npm', WORDS, { maxBuffer: 64 * 1024 * 1024 })
  const { serialNumber, ...bom } = JSON.parse(stdout)
  const { timestamp, ...metadata } = bom.metadata
  // npm names the package after the folder of the checkout.
  const { name } = JSON.parse(await readFile('package.json', 'utf8'))
  // With `--omit dev`, npm drops what runs too when a development package has it for an optional peer.
  const components = bom.components.filter((component) => !isForDevelopment(component))
  const refs = new Set([metadata.component, ...components].map((component) => component['bom-ref']))
  const dependencies = bom.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((other) => refs.has(other)) }))
  const runs = { components, dependencies, metadata: { ...metadata, component: { ...metadata.component, name } } }
  await writeFile(path, `${JSON.stringify({ ...bom, ...runs }, null, 2)}\n`)
}

function isForDevelopment({ properties = [] }) {
  return properties.some(({ name, value }) => name === 'cdx:npm:package:development' && value === 'true')
}
