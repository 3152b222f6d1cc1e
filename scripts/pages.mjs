// Generates dist/man (npm run build), or docs/cli.md and the list of manual pages in package.json (npm run docs), from the
// help texts of the program.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const outfile = fileURLToPath(new URL('../dist/pages.mjs', import.meta.url))
const entry = 'src/cli/pages/index.ts'
await build({ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform: 'node', packages: 'external' })
const { commandPages, manPages, reference } = await import(outfile)
await rm(outfile)

const pages = commandPages()
const man = manPages(pages)
if (process.argv[2] === 'docs') {
  await writeFile('docs/cli.md', reference(pages))
  const description = {
    ...JSON.parse(await readFile('package.json', 'utf8')),
    man: man.map(([name]) => `dist/man/${name}`),
  }
  await writeFile('package.json', `${JSON.stringify(description, null, 2)}\n`)
} else {
  await rm('dist/man', { recursive: true, force: true })
  await mkdir('dist/man')
  for (const [name, content] of man) await writeFile(`dist/man/${name}`, content)
}
