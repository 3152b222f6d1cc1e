/**
 * The part of pkcs11js that fpki uses, declared here because the package is optional: fpki must build without it.
 */
declare module 'pkcs11js' {
  // A relative module has no other way into the declaration of a package.
  // oxlint-disable-next-line typescript/consistent-type-imports
  const library: { readonly PKCS11: new () => import('./cryptoki.js').Cryptoki }
  export = library
}
