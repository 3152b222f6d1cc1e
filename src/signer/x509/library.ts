/**
 * Loads @peculiar/x509 on demand, because it takes about 60 ms. Its dependency tsyringe needs reflect-metadata first.
 */
export async function loadX509() {
  await import('reflect-metadata')
  return import('@peculiar/x509')
}

/** What {@link loadX509} loads. */
export type X509Library = Awaited<ReturnType<typeof loadX509>>
