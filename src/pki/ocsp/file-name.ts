/**
 * The name of a file with the answer to a request (DER), so that a server of files can answer GET: the base64 of the request, as
 * it is in the path of the URL (RFC 6960, A.1.1), with `_` for each `/`.
 */
export function answerFileName(request: Uint8Array): string {
  return Buffer.from(request.buffer, request.byteOffset, request.length).toString('base64').replaceAll('/', '_')
}
