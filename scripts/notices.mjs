// The licences of the packages whose code is in a bundle.
import { readdir, readFile, writeFile } from 'node:fs/promises'

const RULE = `\n${'-'.repeat(80)}\n\n`

/** Writes the licence of each package that one of `inputs`, the files of a bundle, belongs to. */
export async function writeNotices(inputs, path) {
  const folders = inputs.flatMap((input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? [])
  const notices = [...new Set(folders)].sort().map(notice)
  await writeFile(path, (await Promise.all(notices)).join(RULE))
}

async function notice(folder) {
  const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'))
  const file = (await readdir(folder)).find((candidate) => /^licen[cs]e(\.|$)/i.test(candidate))
  if (file === undefined) throw new Error(`no licence file in ${folder}`)
  return `${name} ${version} (${license})\n\n${await readFile(`${folder}/${file}`, 'utf8')}`
}
