import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inject } from 'vitest'
import { output } from './cli.js'

/** A shared library that leaves a file behind as soon as it is loaded, as a malicious PKCS#11 module would. */
export interface HostileModule {
  /** The library, to be copied to where a test wants it. */
  readonly path: string
  /** How often it was loaded since the last call. */
  loads(): Promise<number>
}

const SOURCE = `
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) {
  char name[4096];
  snprintf(name, sizeof name, TRACES "/%d", (int) getpid());
  int fd = open(name, O_CREAT | O_WRONLY, 0666);
  if (fd >= 0) close(fd);
}
`

/** Compiles one with the C compiler of this machine; it serves a whole test file. */
export async function hostileModule(): Promise<HostileModule> {
  const folder = await mkdtemp(join(inject('originals'), 'hostile-'))
  // Every user may leave a trace there.
  await output('sh', ['-c', 'chmod 711 "$0" && mkdir "$0/traces" && chmod 1777 "$0/traces"', folder])
  const [source, path, traces] = ['module.c', 'module.so', 'traces'].map((name) => join(folder, name))
  await writeFile(`${source}`, SOURCE)
  await output('cc', ['-shared', '-fPIC', `-DTRACES="${traces}"`, '-o', `${path}`, `${source}`])
  await output('chmod', ['755', `${path}`])
  return {
    path: `${path}`,
    loads: async () => {
      const names = await readdir(`${traces}`)
      for (const name of names) await rm(join(`${traces}`, name))
      return names.length
    },
  }
}
