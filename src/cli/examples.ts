/** What stands below the flags in --help. */
export const EXAMPLES = {
  fpki: `
Examples:
  $ fpki ca create "$HOME/acme"          a whole PKI for the factory acme
  $ fpki ca show --pretty                what the Factory API knows of it

Exit codes: 0 done, 1 a defect of fpki, 2 wrong usage, 3 refused, 4 Factory API,
5 HSM or its PIN, 6 broken input, 130 and 143 interrupted.`,
  create: `
Examples:
  $ fpki ca create "$HOME/acme"
  $ fpki ca create /srv/pki/acme --factory acme --tls-name gateway.acme.example
  $ fpki ca create "$HOME/acme" --no-online-ca

With the root key in an HSM (docs/hsm.md):
  fpki ca create "$HOME/acme" --hsm-module /usr/lib/softhsm/libsofthsm2.so \\
    --hsm-token-label acme

Nothing is ever overwritten. Interrupted? Run the same command again: it goes on
where it stopped.`,
  show: `
Examples:
  $ fpki ca show --pretty
  $ fpki ca show --just-device-cas > cas.pem
  $ fpki ca show --json --factory acme`,
  importRoot: `
Example:
  fpki ca import-root "$HOME/acme" --hsm-token-label acme \\
    --hsm-module /usr/lib/softhsm/libsofthsm2.so --remove-key

The key file goes last, when the token has signed with the key. Interrupted? Run
the same command again.`,
  hsmList: `
Examples:
  $ fpki hsm list
  $ fpki hsm list --json`,
  hsmCheck: `
Example:
  fpki hsm check --hsm-module /usr/lib/softhsm/libsofthsm2.so \\
    --hsm-token-label acme

It makes a throw-away key, signs with it and deletes it. The root key of the
token is left alone.`,
}
