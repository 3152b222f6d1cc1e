/**
 * What fpki uses of pkcs11js. The types are fpki's own, because the package is optional: fpki must build where its
 * native part could not be.
 */
declare module 'pkcs11js' {
  const library: { readonly PKCS11: new () => import('./cryptoki.js').Cryptoki }
  export = library
}
