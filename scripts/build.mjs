// Bundles src into dist: the command line and the library, sharing chunks; each action is a chunk of its own.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { build } from 'esbuild'

await rm('dist', { recursive: true, force: true })
await build({
  entryPoints: { cli: 'src/cli/run.ts', index: 'src/index.ts' },
  bundle: true,
  splitting: true,
  minify: true,
  keepNames: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  legalComments: 'none',
  // commander is CommonJS and asks for Node's own modules by require().
  banner: { js: "import{createRequire as __r}from'node:module';const require=__r(import.meta.url);" },
})

// The bundle holds other people's code; their licences go with it.
const BUNDLED = ['commander', 'asn1js', 'pvtsutils', 'pvutils', 'tslib', 'zod']
const notices = BUNDLED.map(async (name) => {
  const folder = `node_modules/${name}`
  const file = (await readdir(folder)).find((candidate) => /^licen[cs]e(\.|$)/i.test(candidate))
  if (file === undefined) throw new Error(`no licence file in ${folder}`)
  return `${name}\n\n${await readFile(`${folder}/${file}`, 'utf8')}`
})
await writeFile('dist/THIRD-PARTY-NOTICES.txt', (await Promise.all(notices)).join(`\n${'-'.repeat(80)}\n\n`))
