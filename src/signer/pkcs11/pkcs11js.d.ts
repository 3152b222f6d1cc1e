/**
 * What fpki uses of pkcs11js. The types are fpki's own, because the package is optional: fpki must build where its
 * native part could not be.
 */
declare module 'pkcs11js' {
  // A relative module has no other way into the declaration of a package.
  // oxlint-disable-next-line typescript/consistent-type-imports
  const library: { readonly PKCS11: new () => import('./cryptoki.js').Cryptoki }
  export = library
}
