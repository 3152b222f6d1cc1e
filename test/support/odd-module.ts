import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { output, temporaryDirectory } from './cli.js'

/** A PKCS#11 module with no slots, whose C_Initialize runs some C code first. */
export async function oddModule(onInitialize: string): Promise<string> {
  const folder = await temporaryDirectory()
  const [source, path] = [join(folder, 'module.c'), join(folder, 'module.so')]
  await writeFile(source, SOURCE.replace('ON_INITIALIZE', onInitialize))
  await output('cc', ['-shared', '-fPIC', '-o', path, source])
  return path
}

/** The functions that fpki calls before it lists tokens are enough: pkcs11js takes the list from C_GetFunctionList. */
const SOURCE = `
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ck;
static ck initialize(void *arguments) {
  ON_INITIALIZE
  return 0;
}
static ck finalize(void *reserved) { return 0; }
static ck slots(unsigned char present, ck *list, ck *count) { *count = 0; return 0; }

/* CK_FUNCTION_LIST: C_Initialize, C_Finalize, C_GetInfo, C_GetFunctionList, C_GetSlotList, … (PKCS#11 2.40, 3.8) */
static struct { unsigned char version[2]; void *functions[68]; } list = { { 2, 40 }, { initialize, finalize, 0, 0, slots } };
ck C_GetFunctionList(void **result) { *result = &list; return 0; }
`
