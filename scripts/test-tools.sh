#!/bin/sh
# Installs the programs that the tests compare fpki with: OpenSSL, GnuTLS, strace. What is there stays as it is.
set -eu

missing=''
command -v openssl >/dev/null || missing="$missing openssl"
command -v certtool >/dev/null || missing="$missing gnutls-bin"
command -v strace >/dev/null || missing="$missing strace"
command -v flock >/dev/null || missing="$missing util-linux"
[ -z "$missing" ] && exit 0

as_root=''
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of names
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing
