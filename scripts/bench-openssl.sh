#!/bin/sh
# The hierarchy of `fpki ca create` made by the openssl commands of a shell script, for the bench.
set -eu
umask 077
mkdir "$1"
cd "$1"

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }
sign() { openssl x509 -req -in "$1.csr" -CA factory_ca.pem -CAkey factory_ca.key -days 3652 -extfile "$1.ext" -out "$2" 2>/dev/null; }

key factory_ca.key
openssl req -x509 -new -key factory_ca.key -days 7305 -subj '/CN=Factory-CA/OU=acme' -out factory_ca.pem \
  -addext keyUsage=critical,keyCertSign,cRLSign -addext extendedKeyUsage=serverAuth,clientAuth

key tls.key
openssl req -new -key tls.key -subj '/CN=acme.localhost' -out tls.csr
printf '%s\n' 'keyUsage=critical,digitalSignature' 'extendedKeyUsage=serverAuth' \
  'subjectAltName=DNS:acme.localhost,DNS:localhost' > tls.ext
sign tls tls-crt

for ca in online-ca local-ca; do
  key "$ca.key"
  openssl req -new -key "$ca.key" -subj "/CN=$ca/OU=acme" -out "$ca.csr"
  printf '%s\n' 'keyUsage=critical,keyCertSign' 'basicConstraints=critical,CA:TRUE,pathlen:0' > "$ca.ext"
  sign "$ca" "$ca.pem"
done
