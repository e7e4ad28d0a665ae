#!/usr/bin/env bash
# The services the tests talk to, all on the loopback address.
#
#   services.sh install DIR   what they need, into DIR and (as root) from Debian
#   services.sh start DIR     starts them on free ports and writes DIR/env, to be read by the shell
#   services.sh stop DIR      stops what `start` started, and nothing else
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 2 ]; then
    sed -n '2,6p' "$0" >&2
    exit 2
fi
mkdir -p "$2"
dir=$(cd "$2" && pwd)
python=$dir/venv/bin/python

# Tools from Debian, each by a command that shows whether it is there.
debian_packages() {
    local command package
    while read -r command package; do
        command -v "$command" >/dev/null 2>&1 || echo "$package"
    done <<'LIST'
age age
zstd zstd
b3sum b3sum
openssl openssl
setfacl acl
setfattr attr
faketime faketime
npm npm
node nodejs
python3 python3
LIST
    python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
}

install() {
    local missing
    missing=$(debian_packages)
    if [ -n "$missing" ]; then
        echo "installing from Debian: $(echo $missing)"
        local as_root=""
        [ "$(id -u)" = 0 ] || as_root="sudo -n"
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends $missing </dev/null >"$dir/apt.log" 2>&1 \
            || { tail -20 "$dir/apt.log" >&2; exit 1; }
    fi
    [ -x "$python" ] || python3 -m venv "$dir/venv"
    "$python" -m pip install -q --disable-pip-version-check -r "$here/requirements.txt" </dev/null
    mkdir -p "$dir/npm"
    cp "$here/package.json" "$dir/npm/package.json"
    npm install --prefix "$dir/npm" --no-audit --no-fund --silent </dev/null
}

# start_one NAME COMMAND…: the command is given its port as the last word that reads PORT.
start_one() {
    local name=$1 port
    shift
    port=$("$python" "$here/port.py" free)
    "${@//PORT/$port}" >"$dir/run/$name.log" 2>&1 </dev/null &
    echo "$!" >"$dir/run/$name.pid"
    if ! "$python" "$here/port.py" wait "$port" "$!" 30; then
        echo "$name did not start:" >&2
        tail -5 "$dir/run/$name.log" >&2
        stop
        exit 1
    fi
    eval "${name}_port=$port"
}

start() {
    stop
    rm -rf "$dir/run" "$dir/mail" "$dir/bad" "$dir/env"
    mkdir -p "$dir/run" "$dir/bad"
    bash "$here/certificates.sh" "$dir/tls"
    start_one s3 "$python" "$here/s3.py" PORT
    start_one bad node "$dir/npm/node_modules/s3rver/bin/s3rver.js" -d "$dir/bad" -a 127.0.0.1 -p PORT \
        --silent --configure-bucket one
    start_one azure node "$dir/npm/node_modules/azurite/dist/src/blob/main.js" --blobHost 127.0.0.1 --blobPort PORT \
        --inMemoryPersistence --disableTelemetry --skipApiVersionCheck --silent
    "$python" "$here/azure.py" "$azure_port" "$dir/azure"
    openssl genrsa -out "$dir/tls/google.key" 2048 2>/dev/null
    start_one gcs "$python" "$here/gcs.py" PORT "$dir/tls/google.key"
    start_one gcs_tls "$python" "$here/gcs.py" PORT "$dir/tls/google.key" "$dir/tls/server.pem" "$dir/tls/server.key"
    start_one smtp "$python" "$here/mail_sink.py" PORT "$dir/mail" "$dir/tls/server.pem" "$dir/tls/server.key"
    local bucket
    for bucket in one two; do
        "$python" -c 'import sys, urllib.request as u; u.urlopen(u.Request(sys.argv[1], method="PUT"), timeout=10)' \
            "http://127.0.0.1:$s3_port/$bucket"
    done
    cat >"$dir/env" <<ENV
export STRONGROOM_TEST_S3='http://127.0.0.1:$s3_port'
export STRONGROOM_TEST_S3_BAD='http://127.0.0.1:$bad_port'
export STRONGROOM_TEST_AZURE='http://127.0.0.1:$azure_port/devstoreaccount1'
export STRONGROOM_TEST_AZURE_KEYS='$dir/azure'
export STRONGROOM_TEST_GCS='http://127.0.0.1:$gcs_port'
export STRONGROOM_TEST_GCS_TLS='https://localhost:$gcs_tls_port'
export STRONGROOM_TEST_GCS_KEY='$dir/tls/google.key'
export STRONGROOM_TEST_SMTP='127.0.0.1:$smtp_port'
export STRONGROOM_TEST_SMTP_CA='$dir/tls/authority.pem'
export STRONGROOM_TEST_MAILDIR='$dir/mail'
export STRONGROOM_TEST_PYTHON='$python'
ENV
    echo "services are up: s3 $s3_port, bad s3 $bad_port, azure $azure_port, gcs $gcs_port and $gcs_tls_port, smtp $smtp_port"
}

# A pid file may be old and its number another's by now, so the command line must still name our folder.
stop() {
    local file pid
    for file in "$dir"/run/*.pid; do
        [ -e "$file" ] || continue
        pid=$(cat "$file")
        if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$dir/"; then
            kill "$pid" 2>/dev/null || true
            for _ in $(seq 50); do
                kill -0 "$pid" 2>/dev/null || break
                sleep 0.1
            done
            kill -9 "$pid" 2>/dev/null || true
        fi
        rm -f "$file"
    done
    rm -f "$dir/env"
}

case $1 in
    install | start | stop) "$1" ;;
    *)
        sed -n '2,6p' "$0" >&2
        exit 2
        ;;
esac
