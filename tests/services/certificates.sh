#!/usr/bin/env bash
# certificates.sh DIR: an authority (authority.pem) and a certificate from it for localhost (server.pem with
# server.key), good for a month. They are two, because a strict client refuses an authority as a server.
set -euo pipefail
mkdir -p "$1"
cd "$1"
curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${curve[@]}" -days 31 -subj "/CN=Strongroom tests" -keyout authority.key -out authority.pem \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>/dev/null
openssl req "${curve[@]}" -subj /CN=localhost -keyout server.key -out server.csr 2>/dev/null
cat >server.ext <<'EXT'
subjectAltName=DNS:localhost,IP:127.0.0.1
basicConstraints=CA:FALSE
extendedKeyUsage=serverAuth
EXT
openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 31 \
    -extfile server.ext -out leaf.pem 2>/dev/null
cat leaf.pem authority.pem >server.pem
