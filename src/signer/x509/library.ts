/**
 * Loads @peculiar/x509, which takes about 60 ms: for commands that make something only. It needs reflect-metadata before
 * it, for the containers of tsyringe.
 */
export async function loadX509() {
  await import('reflect-metadata')
  return import('@peculiar/x509')
}

/** What {@link loadX509} loads. */
export type X509Library = Awaited<ReturnType<typeof loadX509>>
