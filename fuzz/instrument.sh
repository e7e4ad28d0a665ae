#!/bin/sh
# A wrapper of rustc: compiles our own code and the parsers of documents with the counters that libFuzzer reads. The rest is
# compiled as it always is; so is the older toml, which runs inside the compiler.
case "${CARGO_PKG_VERSION_MAJOR:-} $* " in
    "0 "*" --crate-name toml "*) exec "$@" ;;
    *" --crate-name strongroom "* | *" --crate-name fuzz "* | *" --crate-name lopdf "* | *" --crate-name zip "* | \
    *" --crate-name quick_xml "* | *" --crate-name mail_parser "* | *" --crate-name minicbor "* | *" --crate-name toml "*)
        exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
            -Cllvm-args=-sanitizer-coverage-pc-table ;;
    *) exec "$@" ;;
esac
