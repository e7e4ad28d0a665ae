#!/bin/sh
# Builds the fuzzer for the stable toolchain, and feeds one target: fuzz/run.sh TARGET [SECONDS]
set -eu
cd "$(dirname "$0")"
sancov="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-trace-compares"
sancov="$sancov -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="$sancov --cfg fuzzing" cargo build --release --locked --target "$host"
[ $# -ge 1 ] || exit 0
target=$1
found="${STRONGROOM_FOUND:-found}/$target"
mkdir -p "$found"
STRONGROOM_FUZZ="$target" exec "${CARGO_TARGET_DIR:-target}/$host/release/fuzz" \
    -max_total_time="${2:-60}" -rss_limit_mb=512 -timeout=10 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$found/crash-" "$found" "corpus/$target"
