/** The part of pgpass that fpki uses; the package has no types. */
declare module 'pgpass' {
  /** Looks up a password in libpq's password file. */
  function pgpass(
    address: { readonly host: string; readonly port: number; readonly database: string; readonly user: string },
    done: (password: string | undefined) => void,
  ): void
  export = pgpass
}
