import { defineConfig } from 'vitest/config'

/** Tests that load a PKCS#11 module into their own process: each file has a process to itself. */
const WITH_MODULES = 'test/hsm/**/*.test.ts'

/** `npm run test:all` tries every point, on a machine that may have other work. */
const LIMIT = process.env['FPKI_TEST_ALL_POINTS'] === undefined ? 300_000 : 3_600_000

const shared = { testTimeout: LIMIT, hookTimeout: LIMIT }

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // One more than the two cores of CI: the tests wait for the disk, for servers and for programs of others.
    maxWorkers: 3,
    projects: [
      // A process runs one file after the other: starting one and loading fpki costs more than many a file.
      { test: { ...shared, name: 'fpki', include: ['test/**/*.test.ts'], exclude: [WITH_MODULES], isolate: false } },
      { test: { ...shared, name: 'hsm', include: [WITH_MODULES] } },
    ],
  },
})
