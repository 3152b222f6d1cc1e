#!/bin/sh
# Installs what the tests compare fpki with (OpenSSL, GnuTLS, strace), nginx for the gateway, software tokens for the
# tests of HSMs (SoftHSM, NSS), PostgreSQL for the device register, the shells that complete fpki's words, groff for the manual pages, a browser and a reader
# of QR codes for the sheets of paper, a clock that can be set (faketime), jq for the guides, systemd and
# promtool for the files of deploy/, and what npm builds pkcs11js with.
# What is there stays as it is. Without root's rights and without sudo it installs nothing, and says what to install.
set -eu

missing=''
need() { command -v "$1" >/dev/null || missing="$missing $2"; }
need openssl openssl
need certtool gnutls-bin
need strace strace
# It is not on the PATH of ordinary users.
[ -x /usr/sbin/nginx ] || need nginx nginx-light
# Debian has the programs of the server in a folder for each version.
set -- /usr/lib/postgresql/*/bin/postgres
[ -x "$1" ] || need postgres postgresql
# nginx passes registrations on with a module of its own package, unless it is compiled in.
[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || /usr/sbin/nginx -V 2>&1 | grep -q -- '--with-stream ' ||
  missing="$missing libnginx-mod-stream"
need systemd-analyze systemd
need promtool prometheus
need flock util-linux
need softhsm2-util softhsm2
need pkcs11-tool opensc
need certutil libnss3-tools
need script bsdutils
need zsh zsh
need fish fish
need groff groff-base
need chromium chromium
need zbarimg zbar-tools
need pdfinfo poppler-utils
need c++ build-essential
need make build-essential
need python3 python3
need faketime faketime
need jq jq
if [ -n "$missing" ]; then
  # One package brings several of them.
  missing=$(printf '%s\n' $missing | sort -u | paste -s -d ' ')
  as_root=''
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo 'Tools of the tests are missing, and only root can install them (there is no sudo here). As root, run:' >&2
      echo "  apt-get update && apt-get install -y --no-install-recommends $missing" >&2
      exit 1
    fi
    as_root=sudo
  fi
  $as_root apt-get update -qq
  install() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; }
  case " $missing " in *' postgresql '*)
    # Only its programs are wanted: without this, Debian makes a database and starts a server for it.
    install postgresql-common
    $as_root sed -i 's/^#* *create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
  esac
  case " $missing " in *' prometheus '*)
    # Only its promtool is wanted: a service that is masked does not start.
    [ -e /etc/systemd/system/prometheus.service ] || $as_root ln -s /dev/null /etc/systemd/system/prometheus.service
  esac
  # shellcheck disable=SC2086 # a list of names
  install $missing
fi

# npm's node-gyp fetches the headers of Node, unless it finds them here. Those that came with this Node are the same.
version=$(node -p 'process.versions.node')
headers=$(node -p 'require("node:path").resolve(require("node:fs").realpathSync(process.execPath), "../..")')/include/node
cache="${XDG_CACHE_HOME:-$HOME/.cache}/node-gyp/$version"
if [ -f "$headers/node.h" ] && [ ! -e "$cache" ]; then
  mkdir -p "$cache/include"
  cp -R "$headers" "$cache/include/node"
  # Without this number, which npm's node-gyp looks for, it would fetch them all the same.
  gyp=$(npm root -g)/npm/node_modules/node-gyp/package.json
  node -p 'require(process.argv[1]).installVersion' "$gyp" > "$cache/installVersion" || rm -r "$cache"
fi
