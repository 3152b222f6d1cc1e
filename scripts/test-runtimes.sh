#!/bin/sh
# npm run test:runtimes: the main commands, by the oldest Node that fpki runs on and by the one that is recommended, after
# `npm run build`. Each is a package of its own: among the other packages, npm would run every script by it.
set -eu
cd "$(dirname "$0")/.."
for runtime in floor recommended; do
  npm ci --prefix "test/runtimes/$runtime" --no-audit --no-fund
  node="test/runtimes/$runtime/node_modules/.bin/node"
  echo "$runtime: node $("$node" --version)"
  "$node" node_modules/vitest/vitest.mjs run \
    test/cli/create.test.ts test/cli/show.test.ts test/cli/sign.test.ts test/cli/lint.test.ts
done
