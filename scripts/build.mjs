// Bundles src into dist: the command line, in which each action is a chunk of its own, and the library.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { build, transform } from 'esbuild'

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
  // Native, optional, and not loaded before an HSM is asked for.
  external: ['pkcs11js'],
}
// All of undici would be half a megabyte, and 30 ms of each command that speaks to a server; what is its index.js without
// fetch, web sockets, caches and mocks is all that fpki asks of it.
const undiciWithoutFetch = {
  name: 'undici-without-fetch',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^undici$/ }, ({ path }) => ({ path, namespace: 'part' }))
    onLoad({ filter: /.*/, namespace: 'part' }, () => ({
      resolveDir: resolve('node_modules/undici'),
      contents: `
        Object.assign(require('./lib/dispatcher/dispatcher').prototype, require('./lib/api'))
        exports.EnvHttpProxyAgent = require('./lib/dispatcher/env-http-proxy-agent')`,
    }))
  },
}
// fastify logs with pino, compiles schemas, fakes requests and compares its version with that of plugins only when it is
// asked to, and fpki does not ask.
const fastifyWithoutSpares = {
  name: 'fastify-without-spares',
  setup: ({ onResolve, onLoad }) => {
    const spares = /^(pino|semver|light-my-request|@fastify\/(ajv-compiler|fast-json-stringify-compiler))$/
    onResolve({ filter: spares }, ({ path }) => ({ path, namespace: 'spare' }))
    onLoad({ filter: /.*/, namespace: 'spare' }, () => ({ contents: 'module.exports = {}' }))
    // What logs nothing; the package of that name comes without a licence to hand on.
    onResolve({ filter: /^abstract-logging$/ }, ({ path }) => ({ path, namespace: 'silent' }))
    onLoad({ filter: /.*/, namespace: 'silent' }, () => ({
      contents: "for (const name of ['fatal', 'error', 'warn', 'info', 'debug', 'trace']) exports[name] = () => {}",
    }))
  },
}
// Built apart, because what two entries share becomes a file of its own, and every file costs start-up time.
await build({
  ...shared,
  plugins: [undiciWithoutFetch],
  entryPoints: { index: 'src/index.ts' },
  outdir: 'dist',
  // undici is CommonJS and asks for Node's modules by require, which an ES module has to make for itself.
  banner: {
    js: "import{createRequire as newRequire}from'node:module';const require=newRequire(import.meta.url);",
  },
})
// commander loads node:child_process at its start for subcommands that are programs of their own. fpki has none, and
// the module costs every start 2 ms.
const withoutPrograms = {
  name: 'commander-without-programs',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) =>
      importer.includes('/node_modules/commander/') ? { path, namespace: 'empty' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {}' }))
  },
}
await build({
  ...shared,
  plugins: [withoutPrograms, undiciWithoutFetch, fastifyWithoutSpares],
  entryPoints: { cli: 'src/cli/run.ts' },
  outdir: 'dist/cli',
})

// The command line becomes CommonJS, file by file: esbuild splits ES modules only, and Node starts 5 to 10 ms sooner
// when its loader of ES modules stays out of it.
for (const name of await readdir('dist/cli')) {
  const path = `dist/cli/${name}`
  const options = { format: 'cjs', minify: true, target: 'node20.19', supported: { 'dynamic-import': false } }
  await writeFile(path, (await transform(await readFile(path, 'utf8'), options)).code)
}
await writeFile('dist/cli/package.json', '{ "type": "commonjs" }\n')

// The bundle holds other people's code; their licences go with it.
const BUNDLED = [
  ...['commander', 'qr', 'shamir-secret-sharing', 'undici', 'yaml', 'zod'],
  ...['fastify', '@fastify/error', '@fastify/forwarded', '@fastify/proxy-addr', 'avvio', 'fast-decode-uri-component'],
  ...[
    'fast-deep-equal',
    'fast-json-stringify',
    'fast-querystring',
    'fastq',
    'find-my-way',
    'ipaddr.js',
    'process-warning',
  ],
  ...['ret', 'reusify', 'rfdc', 'safe-regex2', 'secure-json-parse', 'toad-cache'],
  ...['pkijs', 'asn1js', '@peculiar/utils', '@noble/hashes', 'bytestreamjs'],
]
const notices = BUNDLED.map(async (name) => {
  const folder = `node_modules/${name}`
  const file = (await readdir(folder)).find((candidate) => /^licen[cs]e(\.|$)/i.test(candidate))
  if (file === undefined) throw new Error(`no licence file in ${folder}`)
  return `${name}\n\n${await readFile(`${folder}/${file}`, 'utf8')}`
})
await writeFile('dist/THIRD-PARTY-NOTICES.txt', (await Promise.all(notices)).join(`\n${'-'.repeat(80)}\n\n`))
