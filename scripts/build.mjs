// Bundles src into dist: the command line, in which each action is a chunk of its own, and the library, which imports
// its dependencies. Beside them: the licences of what is bundled, and the list of all that runs.
import { rm } from 'node:fs/promises'
import { build } from 'esbuild'
import { writeNotices } from './notices.mjs'
import { writeSbom } from './sbom.mjs'

await rm('dist', { recursive: true, force: true })
const shared = {
  bundle: true,
  splitting: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  chunkNames: '[name]-[hash]',
  legalComments: 'none',
}
await build({ ...shared, entryPoints: { index: 'src/index.ts' }, outdir: 'dist', packages: 'external' })
const whole = {
  ...shared,
  mainFields: ['module', 'main'],
  // fastify's pino finds its worker threads beside its own files; SQLite and pkcs11js are native, and not everybody has
  // pkcs11js; pg looks for packages that it can do without.
  external: ['fastify', 'pino', 'pkcs11js', '@photostructure/sqlite', 'pg', 'pgpass'],
  // The CommonJS among the dependencies asks for Node's modules by `require`, which an ES module has to make.
  banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
}
const { metafile } = await build({
  ...whole,
  entryPoints: { cli: 'src/cli/run.ts' },
  outdir: 'dist/cli',
  metafile: true,
})
// Programs of their own, apart from the chunks of the command line, which they would split further.
await build({
  ...shared,
  entryPoints: { 'list-module': 'src/signer/pkcs11/list-module.ts' },
  outdir: 'dist/cli',
  external: ['pkcs11js'],
})
await build({
  ...whole,
  entryPoints: { 'device-batch-thread': 'src/issuance/device-batch/thread.ts' },
  outdir: 'dist/cli/device-batch',
})
await build({
  ...whole,
  entryPoints: { 'register-thread': 'src/operations/registration/issuing-thread/thread.ts' },
  outdir: 'dist/cli/device-register',
})
await writeNotices(Object.keys(metafile.inputs), 'dist/THIRD-PARTY-NOTICES.txt')
await writeSbom('dist/sbom.cdx.json')
