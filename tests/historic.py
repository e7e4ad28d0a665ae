#!/usr/bin/env python3
"""The failures that other programs became known for, planted into this one, and found.

tests/historic/*.toml has one [[failure]] for each number of the catalogue. It says what happened (`was`), and either why it
cannot happen here (`why_not`), or which mistake is `planted` by which edits, and which test must then fail (`found_by`: the
test binary, `lib` for the library's own, and the test's whole name).

All mistakes are planted at once into a copy of the sources, each behind a switch that is off (`crate::planted(n)` asks the
environment for PLANTED), so that one build serves them all. First every named test must pass with all switches off; then
each must fail when its own mistake is switched on. The tree itself is never touched.

    tests/historic.py          all of them
    tests/historic.py 5 46     these

The copy and what is built from it lie in $HISTORIC_DIR, else in target/historic.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = pathlib.Path(os.environ.get("HISTORIC_DIR", ROOT / "target" / "historic")).resolve()
TREE = WORK / "tree"
COPIED = ["Cargo.toml", "Cargo.lock", "clippy.toml", "src", "tests", "benches", "config", "docs", "packaging"]
# A mistake may also show by never ending.
PATIENCE = 300
SWITCH = """
/// A mistake of others, switched on by its number.
pub fn planted(number: u32) -> bool {
    static ON: std::sync::OnceLock<Option<u32>> = std::sync::OnceLock::new();
    *ON.get_or_init(|| std::env::var("PLANTED").ok()?.parse().ok()) == Some(number)
}
"""


def failures():
    found = []
    for file in sorted((ROOT / "tests" / "historic").glob("*.toml")):
        found += tomllib.loads(file.read_text())["failure"]
    return sorted(found, key=lambda failure: failure["number"])


def write_if_other(path, text):
    """Cargo goes by the times of files: what is as it was keeps its own."""
    if not path.exists() or path.read_bytes() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)


def plant(all_failures):
    texts = {}
    for name in COPIED:
        source = ROOT / name
        for file in [source] if source.is_file() else source.rglob("*"):
            if file.is_file():
                texts[file.relative_to(ROOT)] = file.read_bytes()
    library = pathlib.Path("src/lib.rs")
    texts[library] += SWITCH.encode()
    for failure in all_failures:
        for edit in failure.get("edit", []):
            file, find = pathlib.Path(edit["file"]), edit["find"].encode()
            if texts[file].count(find) != 1:
                sys.exit(f"{failure['number']}: {file} does not have this once:\n{edit['find']}")
            texts[file] = texts[file].replace(find, edit["new"].encode())
    for old in TREE.rglob("*") if TREE.exists() else []:
        if old.is_file() and old.relative_to(TREE) not in texts:
            old.unlink()
    for file, text in texts.items():
        write_if_other(TREE / file, text)


def build(binaries):
    command = ["cargo", "test", "--locked", "--features", "testing", "--no-run", "--message-format=json"]
    for name in binaries:
        command += ["--lib"] if name == "lib" else ["--test", name]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(WORK / "target")}
    run = subprocess.run(command, cwd=TREE, env=environment, stdout=subprocess.PIPE, text=True)
    built = {}
    for line in run.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-message" and message["message"]["level"] == "error":
            print(message["message"]["rendered"])
        if message.get("reason") == "compiler-artifact" and message["profile"]["test"] and message["executable"]:
            kind = message["target"]["kind"][0]
            built["lib" if kind == "lib" else message["target"]["name"]] = message["executable"]
    if run.returncode:
        sys.exit("the planted mistakes do not compile")
    return built


def run_test(executable, test, planted=None):
    """Whether it passed, failed, hung, or was not there."""
    environment = {key: value for key, value in os.environ.items() if key != "PLANTED"}
    if planted is not None:
        environment["PLANTED"] = str(planted)
    environment["CARGO_MANIFEST_DIR"] = str(TREE)
    command = [executable, "--exact", test]
    try:
        run = subprocess.run(command, cwd=TREE, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return "hung"
    if "running 1 test" not in run.stdout:
        return "was not there"
    return "passed" if run.returncode == 0 else "failed"


def main():
    everything = failures()
    wanted = {int(number) for number in sys.argv[1:]} or {failure["number"] for failure in everything}
    # A number that is not asked for need not compile today.
    chosen = [failure for failure in everything if failure["number"] in wanted]
    planted = [failure for failure in chosen if "found_by" in failure]
    plant(planted)
    built = build(sorted({failure["found_by"].split()[0] for failure in planted}))
    bad, sound = 0, {}
    for failure in chosen:
        if "why_not" in failure:
            print(f"{failure['number']:2}  argued    {failure['why_not']}")
            continue
        binary, test = failure["found_by"].split()
        if (binary, test) not in sound:
            sound[(binary, test)] = run_test(built[binary], test)
        before, after = sound[(binary, test)], run_test(built[binary], test, failure["number"])
        found = before == "passed" and after in ("failed", "hung")
        bad += not found
        word = "found" if found else "NOT FOUND"
        print(f"{failure['number']:2}  {word:9} {binary} {test}: {before} without it, {after} with it", flush=True)
    print(f"{len(planted) - bad} found, {bad} not found, {len(chosen) - len(planted)} argued")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    if shutil.which("cargo") is None:
        sys.exit("cargo is needed")
    main()
