/**
 * The part of pkcs11js that fpki uses, declared here because the package is optional: fpki must build without it.
 */
declare module 'pkcs11js' {
  const library: { readonly PKCS11: new () => import('./cryptoki.js').Cryptoki }
  export = library
}
