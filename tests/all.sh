#!/usr/bin/env bash
# Every test, real services included: installs what they need, starts the services, runs `cargo test`, and
# stops the services again whatever happens. What is said after it goes to `cargo test`:
#
#   tests/all.sh                 everything
#   tests/all.sh --test config   one test file
#
# What is installed lies in target/test-services; Debian packages need root or sudo, and only if missing.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$PWD/target/test-services
mkdir -p "$dir"
exec 9>"$dir/lock"
if ! flock -n 9; then
    echo "tests/all.sh is already running in this folder" >&2
    exit 1
fi

# The services are installed while the tests are compiled; both must succeed.
bash tests/services/services.sh install "$dir" 9>&- &
installing=$!
# No service was started yet, but one of an earlier run that was killed may still be there.
trap 'kill "$installing" 2>/dev/null || true; bash tests/services/services.sh stop "$dir" 9>&-' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cargo test --locked --features testing "$@" --no-run 9>&-
if ! wait "$installing"; then
    echo "the test services could not be installed (see above)" >&2
    exit 1
fi

bash tests/services/services.sh start "$dir" 9>&-
# shellcheck disable=SC1091
. "$dir/env"
cargo test --locked --features testing --no-fail-fast "$@" 9>&-
