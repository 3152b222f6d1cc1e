import type { OcspAnswer } from '../../operations/ocsp/model.js'

/** The headers of RFC 5019, 6.2, in names and values, and the entity tag; null: the answer has no tag. */
export function cachingHeaders(
  { cache }: Pick<OcspAnswer, 'cache'>,
  now: Date,
): { readonly etag: string | null; readonly all: readonly string[] } {
  if (cache === null) return { etag: null, all: ['Cache-Control', 'no-store'] }
  const { thisUpdate, nextUpdate, sha256 } = cache
  const seconds = Math.max(0, Math.floor((nextUpdate.getTime() - now.getTime()) / 1000))
  const etag = `"${sha256}"`
  return {
    etag,
    all: [
      ...['Cache-Control', `max-age=${seconds}, public, no-transform, must-revalidate`],
      ...['Last-Modified', thisUpdate.toUTCString()],
      ...['Expires', nextUpdate.toUTCString()],
      ...['ETag', etag],
    ],
  }
}
