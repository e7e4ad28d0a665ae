#!/usr/bin/env python3
"""Mutation testing: how many small mistakes no test finds.

    mutants/run.py                      every mutant of src/domain
    mutants/run.py --paths              those of the other floors' files in which data could be lost (PATHS)
    mutants/run.py [--paths] NAME…      those in files whose names below src begin so

All mutants are planted at once (see src/main.rs), and built once: the pure floor alone with its tests, or the whole library
with its own and those of tests/ that neither start the program nor need a service. Each test says which mutants it passes by;
each mutant is then switched on by itself, and those tests run that pass by it, the quick ones first. A test that fails, crashes
or does not end finds it. What does not compile is left out and counted.

MUTANTS_TESTS names the files of tests/ that are run besides the floors' own tests, MUTANTS_TESTED how the names of those begin
that are run of the latter: both are worth narrowing to try anew what a new test should find. MUTANTS_MOST says how many quick
tests a mutant must survive, those first that pass by few mutants: by default all, with --paths 40; then come as many slow ones
as MUTANTS_SLOW says, 6 with --paths. MUTANTS_OPTIMISED=0 builds in a third of the time, for few mutants.

Everything lies in $MUTANTS_DIR, else in target/mutants. What was tried before is kept there in `crate/done` or `paths/done`,
by file, text of the line and change, so that it is still known after an edit. What was missed is tried again where MUTANTS_AGAIN
is set; delete the file to begin anew.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = pathlib.Path(os.environ.get("MUTANTS_DIR", ROOT / "target" / "mutants")).resolve()
WHOLE = "--paths" in sys.argv
CRATE = WORK / ("paths" if WHOLE else "crate")
PATHS = """
repo/log.rs repo/log_copy.rs
ops/backup/commit.rs ops/backup/session.rs ops/backup/depot.rs
ops/prune/
ops/restore/apply.rs ops/restore/disk.rs ops/restore/engine.rs ops/restore/part.rs ops/restore/digest.rs ops/fs/partial.rs
"""
PLANTED = PATHS.split() if WHOLE else ["domain/"]
# Of the library's tests those of these floors and rooms.
ROOMS = "ops::backup ops::prune ops::restore ops::fs ops::verify repo::" if WHOLE else ""
TESTED = tuple(os.environ.get("MUTANTS_TESTED", ROOMS).split()) or ("",)
LONGEST = 20.0 if WHOLE else float("inf")
FEATURES = ["--features", "testing"] if WHOLE else []
NO_PROGRAM = "restore round_trip machines renamed_set local_state query retention_ops under_fire"
TESTS = os.environ.get("MUTANTS_TESTS", NO_PROGRAM if WHOLE else "retention_law coverage").split()
MOST = int(os.environ.get("MUTANTS_MOST", "40" if WHOLE else "1000000"))
SLOW = int(os.environ.get("MUTANTS_SLOW", "6" if WHOLE else "1000000"))
OPTIMISED = os.environ.get("MUTANTS_OPTIMISED", "1")
AGAIN = bool(os.environ.get("MUTANTS_AGAIN"))
WORKERS = int(os.environ.get("MUTANTS_WORKERS", "2"))
QUICK, GROUP, PATIENCE = 3.0, 8, float(os.environ.get("MUTANTS_PATIENCE", "120"))
SWITCH = """
pub mod mutant {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    static CURRENT: AtomicU32 = AtomicU32::new(u32::MAX);
    static TRACE: OnceLock<Option<std::sync::Mutex<std::fs::File>>> = OnceLock::new();
    static HIT: [AtomicBool; 16384] = [const { AtomicBool::new(false) }; 16384];
    #[inline(never)]
    pub fn on(number: u32) -> bool {
        let mut now = CURRENT.load(Ordering::Relaxed);
        if now == u32::MAX {
            now = std::env::var("MUTANT").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
            CURRENT.store(now, Ordering::Relaxed);
        }
        if now == 0 && !HIT[number as usize].swap(true, Ordering::Relaxed) {
            let trace = TRACE.get_or_init(|| {
                let path = std::env::var_os("MUTANT_TRACE")?;
                Some(std::sync::Mutex::new(std::fs::File::create(path).unwrap()))
            });
            if let Some(file) = trace {
                writeln!(file.lock().unwrap(), "{number}").unwrap();
            }
        }
        now == number
    }
}
"""


def write_if_other(path, text):
    content = text if isinstance(text, bytes) else text.encode()
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def cargo(*arguments, folder=CRATE, target="target"):
    environment = {**os.environ, "CARGO_TARGET_DIR": str(WORK / target)}
    command = ["cargo", *arguments, "--message-format=json"]
    run = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return run.returncode, [json.loads(line) for line in run.stdout.splitlines()]


def used_only(manifest):
    """Without what the floor and its tests do not name: most of the time of a first build."""
    sources = [*(ROOT / "src" / "domain").rglob("*.rs"), *(ROOT / "tests" / "retention").rglob("*.rs")]
    sources += [ROOT / "tests" / f"{name}.rs" for name in TESTS]
    text = "".join(source.read_text() for source in sources)
    named = set(re.findall(r"\b(\w+)::", text)) | set(re.findall(r"(?m)^use (\w+)", text))
    begin, end = manifest.index("[dependencies]"), manifest.index("[profile.dev]")
    lines = manifest[begin:end].splitlines(keepends=True)
    kept = [line for line in lines if " = " not in line or line.split(" = ")[0].replace("-", "_") in named]
    return manifest[:begin] + "".join(kept) + manifest[end:]


def prepare():
    """The program's own manifest, so that its dependencies are the same."""
    manifest = (ROOT / "Cargo.toml").read_text()
    manifest = manifest if WHOLE else used_only(manifest)
    manifest = re.sub(r"(?m)^\[\[(bench|bin)\]\]\n(.+\n)*", "", manifest).replace('default-run = "strongroom"\n', "")
    manifest = manifest[: manifest.index("[lints.rust]")]
    manifest = re.sub(r"(\[profile\.dev\]\nopt-level = )0\ndebug = .*", rf"\g<1>{OPTIMISED}\ndebug = false", manifest)
    write_if_other(CRATE / "Cargo.toml", manifest + "\n[workspace]\n")
    shutil.copy(ROOT / "Cargo.lock", CRATE / "Cargo.lock")
    floors = (ROOT / "src" / "lib.rs").read_text() if WHOLE else "pub mod domain;\n"
    write_if_other(CRATE / "src" / "lib.rs", "#![allow(warnings)]\n" + floors + SWITCH)
    # Cargo builds only the tests it is asked for; the others share modules with them.
    for source in [*(ROOT / "config").rglob("*"), *(ROOT / "tests").rglob("*")]:
        if source.is_file():
            write_if_other(CRATE / source.relative_to(ROOT), source.read_bytes())


def plant():
    """Plants all mutants; what does not compile is left out. Leaves `list.txt`."""
    code, _ = cargo("build", "--release", folder=ROOT / "mutants", target="tool")
    if code:
        sys.exit("the planter does not compile")
    left_out, left_file = set(), CRATE / "left-out.txt"
    if left_file.exists():
        left_out = set(map(int, left_file.read_text().split()))
    while True:
        left_file.write_text(" ".join(map(str, sorted(left_out))))
        tool = WORK / "tool" / "release" / "strongroom-mutants"
        subprocess.run([tool, ROOT / "src", CRATE / "src", CRATE / "list.txt", left_file, *PLANTED], check=True)
        code, messages = cargo("check", "--lib", *FEATURES)
        if code == 0:
            return left_out
        wrong = set()
        for message in messages:
            if message.get("reason") != "compiler-message" or message["message"]["level"] != "error":
                continue
            for span in filter(lambda span: span["is_primary"], message["message"]["spans"]):
                before = (CRATE / span["file_name"]).read_bytes()[: span["byte_end"]]
                wrong.update(int(n) for n in re.findall(rb"mutant :: on \((\d+)u32\)", before)[-1:])
        if not wrong - left_out:
            sys.exit("it does not compile, and no mutant is to blame")
        left_out |= wrong


def build():
    code, messages = cargo("test", "--no-run", "--lib", *FEATURES, *[word for name in TESTS for word in ("--test", name)])
    if code:
        sys.exit("the tests do not compile")
    artifacts = [m for m in messages if m.get("reason") == "compiler-artifact" and m.get("executable")]
    return [(m["executable"], m["target"]["kind"] == ["test"]) for m in artifacts if m["profile"]["test"]]


def watch(child):
    """Ends what only sleeps: all its threads for a minute. One that waits for a processor does not sleep."""

    def sleeps(task):
        return (task / "stat").read_text().rpartition(")")[2].split()[0] == "S"

    asleep = 0
    while asleep < 12:
        time.sleep(5)
        try:
            asleep = asleep + 1 if all(map(sleeps, pathlib.Path(f"/proc/{child.pid}/task").iterdir())) else 0
        except OSError:
            asleep = 0
        if child.returncode is not None:
            return
    child.kill()


def run(executable, names, environment, patience=PATIENCE):
    """Whether they all passed, `None` where they did not end; and how many seconds of a processor they took."""
    # A mutant may take all the memory there is, and what is killed leaves its files. Where others are at work on this
    # machine, no clock on the wall says how long a test takes.
    limits = ["prlimit", f"--cpu={int(patience) + 1}", "--as=8000000000", "--fsize=2000000000"]
    command = [*limits, "nice", "-n", "19", executable, "--exact", "--test-threads=1", *names]
    environment = {**os.environ, "CARGO_MANIFEST_DIR": str(CRATE), "TMPDIR": str(CRATE / "tmp"), **environment}
    silent = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=CRATE, env=environment, stdout=silent, stderr=silent) as child:
        threading.Thread(target=watch, args=(child,), daemon=True).start()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    endless = child.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    return None if endless else child.returncode == 0, usage.ru_utime + usage.ru_stime


def trace(executables):
    """For each mutant the tests that pass by it: (seconds, executable, name)."""
    by_mutant, tests = {}, []
    for executable, beside in executables:
        listed = subprocess.run([executable, "--list"], cwd=CRATE, stdout=subprocess.PIPE, text=True).stdout
        names = [line[:-6] for line in listed.splitlines() if line.endswith(": test")]
        tests += [(executable, name) for name in names if beside or name.startswith(TESTED)]

    def one(test):
        executable, name = test
        with tempfile.NamedTemporaryFile("r") as file:
            passed, seconds = run(executable, [name], {"MUTANT_TRACE": file.name}, min(PATIENCE, 2 * LONGEST))
            if not passed or seconds > LONGEST:
                print(f"left out: {name} {'takes too long' if passed else 'fails, or does not end,'} without any mutant", flush=True)
                return 0, executable, name, []
            return seconds, executable, name, file.read().split()

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for seconds, executable, name, hits in pool.map(one, tests):
            for hit in hits:
                by_mutant.setdefault(int(hit), []).append((seconds, executable, name))
    return by_mutant


def judged(number, tests, width):
    """Quick tests first, in small groups, those that pass by few mutants before those that pass by all."""
    quick = sorted((test for test in tests if test[0] < QUICK), key=lambda test: width[test[1:]])
    order = quick[:MOST] + sorted(test for test in tests if test[0] >= QUICK)[:SLOW]
    while order:
        group = order[:1]
        for test in order[1:GROUP]:
            if test[1] == order[0][1] and sum(seconds for seconds, _, _ in group) + test[0] < QUICK:
                group.append(test)
        order = [test for test in order if test not in group]
        # Many mutants make a loop run for ever: so nobody waits long for what is quick.
        patience = min(PATIENCE, 10 + 10 * sum(seconds for seconds, _, _ in group))
        passed, _ = run(group[0][1], [name for _, _, name in group], {"MUTANT": str(number)}, patience)
        if not passed:
            return "does not end" if passed is None else "found"
    return "missed"


def argued():
    """Why some mutants make no difference that anybody could see: by file, line and change."""
    argued = tomllib.loads((ROOT / "mutants" / "argued.toml").read_text())["mutant"]
    return {(mutant["file"], mutant["line"], mutant["change"]): mutant["why"] for mutant in argued}


def keys_of(mutants, sources):
    """What a mutant is called whatever is edited around it: file, line (its text), change, and which of several such."""
    keys, seen = {}, {}
    for number, file, line, change in mutants:
        name = (file, sources[file][int(line) - 1].strip(), change)
        seen[name] = seen.get(name, 0) + 1
        keys[number] = "\t".join([*name, str(seen[name])])
    return keys


def main():
    wanted = [name for name in sys.argv[1:] if name != "--paths"]
    shutil.rmtree(CRATE / "tmp", ignore_errors=True)
    (CRATE / "tmp").mkdir(parents=True)
    prepare()
    src = ROOT / "src"
    sources = {str(path.relative_to(src)): path.read_text().splitlines() for path in src.rglob("*.rs")}
    left_out = plant()
    mutants = [line.split("\t") for line in (CRATE / "list.txt").read_text().splitlines()]
    print(f"{len(mutants)} mutants are planted", flush=True)
    executables, width = build(), {}
    print("the tests are built", flush=True)
    by_mutant = trace(executables)
    for tests in by_mutant.values():
        for _, executable, name in tests:
            width[(executable, name)] = width.get((executable, name), 0) + 1
    known_file = CRATE / "done"
    lines = known_file.read_text().splitlines() if known_file.exists() else []
    known = {key: verdict for key, verdict in (line.rsplit("\t", 1) for line in lines)}
    known = {key: verdict for key, verdict in known.items() if not (AGAIN and verdict == "missed")}
    keys = keys_of(mutants, sources)
    todo = [m for m in mutants if not wanted or any(m[1].startswith(begin) for begin in wanted)]
    found, endless, missed, reasons, same = 0, 0, [], argued(), 0

    def one(mutant):
        key = keys[mutant[0]]
        if key not in known:
            number = int(mutant[0])
            known[key] = judged(number, by_mutant.get(number, []), width)
            with known_file.open("a") as file:
                file.write(f"{key}\t{known[key]}\n")
        return mutant, known[key]

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        for mutant, verdict in pool.map(one, todo):
            found += verdict != "missed"
            endless += verdict == "does not end"
            if verdict == "missed" and tuple(keys[mutant[0]].split("\t")[:3]) in reasons:
                same += 1
            elif verdict == "missed":
                passed = "" if int(mutant[0]) in by_mutant else " (no test passes by)"
                missed.append(mutant)
                print(f"missed  src/{mutant[1]}:{mutant[2]}  {mutant[3]}{passed}  [{mutant[0]}]", flush=True)
    print(f"{found} of {len(todo)} mutants found ({endless} of them do not end), {len(missed)} missed; {same} argued")
    print(f"{len(left_out)} do not compile")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
