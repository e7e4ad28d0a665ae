#!/bin/sh
# Builds the fuzzer for the stable toolchain, and feeds one target: fuzz/run.sh TARGET [SECONDS]
set -eu
cd "$(dirname "$0")"
RUSTC_WRAPPER="$PWD/instrument.sh" cargo build --locked
[ $# -ge 1 ] || exit 0
found="${STRONGROOM_FOUND:-found}/$1"
mkdir -p "$found"
STRONGROOM_FUZZ="$1" exec "${CARGO_TARGET_DIR:-target}/debug/fuzz" \
    -max_total_time="${2:-60}" -rss_limit_mb=512 -timeout=10 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$found/crash-" "$found" "corpus/$1"
