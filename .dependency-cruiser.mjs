// Which room of src may use which (docs/architecture.md). A room is a folder in src; the files beside the folders
// (errors.ts, ports.ts, …) belong to no room, and all may use them. src/index.ts, the library, may use any room.
// `import type`, `export from` and `await import()` count like every import; test/architecture.test.ts proves it.

/** The room `name` may use these rooms and itself; a name with a slash is a part of a room. */
function room(name, mayUse, comment) {
  return {
    name: `${name}-uses`,
    severity: 'error',
    comment,
    from: { path: `^src/${name}/` },
    to: { path: '^src/[^/]+/', pathNot: [name, ...mayUse].map((one) => `^src/${one}(/|[.]ts$)`) },
  }
}

/** Only the modules of these paths may import these packages, or modules of Node. */
function only(paths, packages, comment) {
  const names = packages.join('|')
  return {
    name: `only-${packages[0].replace(/\W+/g, '-')}`,
    severity: 'error',
    comment,
    from: { path: '^src/', pathNot: paths.map((path) => `^src/${path}`) },
    to: { path: [`^(node:)?(${names})(/|$)`, `node_modules/(${names})/`] },
  }
}

const BELOW_OPERATIONS = [
  ...['journal', 'issuance', 'keystore', 'factory', 'devices', 'audit-log', 'directory'],
  ...['signer', 'lint', 'containers', 'storage', 'pki'],
]

const ROOMS = [
  room('pki', [], 'pki is pure functions over X.509.'),
  room('storage', [], 'storage is durable files, and knows nothing of PKI.'),
  room('config', [], 'config turns words into settings.'),
  room('containers', ['pki'], 'PKCS#8, PKCS#12 and CMS around what pki reads.'),
  room('lint', ['pki'], 'Rules over what pki reads.'),
  room('signer', ['containers', 'pki'], 'Keys that sign, in files and tokens.'),
  room('directory', ['storage', 'pki'], 'What is in a PKI directory.'),
  room('audit-log', ['directory', 'storage', 'pki'], 'What the root signed, kept in the PKI directory.'),
  room('devices', ['storage', 'pki'], 'The register of devices.'),
  room(
    'factory',
    ['config/oauth-client', 'signer/x509', 'storage', 'pki'],
    'The Factory API; the embedded one makes certificates of its own.',
  ),
  room('keystore', ['directory', 'signer', 'containers', 'storage', 'pki'], 'Which key, where, and how to open it.'),
  room('issuance', ['signer', 'lint', 'pki'], 'A template and a signer make a certificate.'),
  room(
    'journal',
    BELOW_OPERATIONS.filter((name) => name !== 'issuance'),
    'The engine under every command that changes something.',
  ),
  room('operations', BELOW_OPERATIONS, 'Use cases: called by cli and server, and never the other way round.'),
  room('server', ['operations', ...BELOW_OPERATIONS], 'Requests to operations, and to the Factory API.'),
  room(
    'machine',
    [
      ...['config', 'factory', 'devices', 'issuance/device-batch', 'operations/registration/issuing-thread'],
      ...['signer', 'containers', 'storage', 'pki'],
    ],
    'The real ports of this machine, put together.',
  ),
  room(
    'cli',
    ['operations', 'server', 'journal', 'keystore', 'machine', 'config', 'storage/input-file'],
    'Words to operations: no certificates, no keys, no files.',
  ),
]

const PACKAGES = [
  only(['signer/pkcs11/'], ['pkcs11js'], 'It is optional, and loaded when an HSM is asked for.'),
  only(
    ['devices/'],
    ['pg', 'pgpass', '@photostructure/sqlite', 'kysely'],
    'The database is behind the port of the register.',
  ),
  only(['cli/'], ['commander'], 'Flags are the business of cli.'),
  only(
    ['storage/', 'config/yaml-file[.]ts', 'signer/pkcs11/', 'secret[.]ts'],
    ['fs'],
    'Files go through storage, which writes them durably.',
  ),
  only(
    ['factory/http/', 'server/'],
    ['http', 'https', 'http2', 'net', 'tls', 'dgram', 'dns', 'undici', 'fastify'],
    'The network is for the client of the Factory API, and for the servers.',
  ),
  only(
    ['storage/', 'signer/pkcs11/', 'machine/service-manager[.]ts'],
    ['child_process', 'cluster'],
    'fpki starts flock, itself, and systemd-notify.',
  ),
  only(
    ['issuance/device-batch/', 'operations/registration/issuing-thread/'],
    ['worker_threads'],
    'Only batches of device certificates, and the register of a service, need more than one core.',
  ),
  {
    name: 'cli-without-x509',
    severity: 'error',
    comment: 'cli has no cryptography.',
    from: { path: '^src/cli/' },
    to: { path: ['^(node:)?crypto$', 'node_modules/(@peculiar|asn1js|pkijs|reflect-metadata)/'] },
  },
  {
    name: 'pki-is-pure',
    severity: 'error',
    comment: 'pki has no clock, no environment and no state.',
    from: { path: '^src/pki/' },
    to: { path: '^(node:)?(os|process|timers|tty|readline|stream|perf_hooks)(/|$)' },
  },
]

const GENERAL = [
  { name: 'no-circle', severity: 'error', comment: 'No circles.', from: {}, to: { circular: true } },
  {
    name: 'shared-files',
    severity: 'error',
    comment: 'What all rooms use may itself use storage only.',
    from: { path: '^src/[^/]+[.]ts$', pathNot: '^src/index[.]ts$' },
    to: { path: '^src/[^/]+/', pathNot: '^src/storage/' },
  },
  {
    name: 'nobody-uses-the-library-file',
    severity: 'error',
    comment: 'src/index.ts is for users of the library.',
    from: { path: '^src/' },
    to: { path: '^src/index[.]ts$' },
  },
  {
    name: 'no-tests',
    severity: 'error',
    comment: 'The program is made of src.',
    from: { path: '^src/' },
    to: { path: '^(test|scripts|dist)/' },
  },
  {
    name: 'is-there',
    severity: 'error',
    comment: 'An import that leads nowhere escapes every rule. Tests may import dist, which a fresh checkout lacks.',
    from: { path: '^src/' },
    to: { couldNotResolve: true },
  },
]

export default {
  forbidden: [...ROOMS, ...PACKAGES, ...GENERAL],
  options: {
    // TypeScript 7 has no API that the cruiser could parse with.
    parser: 'swc',
    tsConfig: { fileName: 'tsconfig.json' },
    // `import type` too.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
}
