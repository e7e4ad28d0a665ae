//! Every parser of foreign bytes, fed with the kept inputs of the fuzzer and with seeded changes of them. Nothing panics,
//! and memory stays bounded. `STRONGROOM_RENEW=1` writes the inputs that the program's own code makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use strongroom::testing::fuzz::{TARGETS, Target, mutations};

/// Changed forms of each input; `STRONGROOM_LONG` asks for many more.
const CHANGES: usize = 60;
/// The most memory that all of it may take.
const MOST_MEMORY_KIB: u64 = 256 << 10;
/// Kept inputs of all targets together.
const MOST_KEPT: u64 = 1 << 20;

fn corpus(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target.name)
}

fn kept(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(corpus(target)).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn every_target_has_kept_inputs_and_those_of_our_own_code_are_among_them() {
    let (mut sum, renew) = (0, std::env::var_os("STRONGROOM_RENEW").is_some());
    for target in TARGETS {
        for (n, seed) in target.seeds().iter().enumerate() {
            let file = corpus(target).join(format!("made-{n}"));
            if renew {
                std::fs::create_dir_all(corpus(target)).unwrap();
                std::fs::write(&file, seed).unwrap();
            }
            let same = std::fs::read(&file).is_ok_and(|there| there == *seed);
            assert!(same, "{} is not what the code makes now: STRONGROOM_RENEW=1 writes it", file.display());
        }
        let inputs = kept(target);
        assert!(!inputs.is_empty(), "{} has no input", target.name);
        sum += inputs.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
    }
    assert!(sum <= MOST_KEPT, "{sum} bytes are kept");
    let folders = std::fs::read_dir(corpus(&TARGETS[0]).parent().unwrap()).unwrap().count();
    assert_eq!(folders, TARGETS.len(), "a folder without a target");
}

/// Set in the process that feeds the parsers.
const ALONE: &str = "STRONGROOM_PARSERS_ALONE";

/// In a process of its own, whose memory is its own.
#[test]
fn no_kept_input_and_no_change_of_one_breaks_a_parser() {
    if std::env::var_os(ALONE).is_some() {
        return feed_all();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "fuzz::no_kept_input_and_no_change_of_one_breaks_a_parser", "--nocapture"]).env(ALONE, "1");
    let said = child.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success() && out.contains("1 passed"), "{out}\n{err}");
    println!("{}", err.lines().filter(|l| l.starts_with("fed")).collect::<String>());
}

#[allow(clippy::print_stderr, reason = "the last line says what was fed when a parser ends the process")]
fn feed_all() {
    let changes = if std::env::var_os("STRONGROOM_LONG").is_some() { 50 * CHANGES } else { CHANGES };
    let mut fed = 0u64;
    for target in TARGETS {
        let inputs = kept(target);
        for (n, (path, bytes)) in inputs.iter().enumerate() {
            // The last line says what was fed when a parser ended the process.
            eprintln!("{}", path.display());
            target.feed(bytes);
            let other = &inputs[(n + 1) % inputs.len()].1;
            for changed in mutations(bytes, other, n as u64 + 1, changes) {
                target.feed(&changed);
                fed += 1;
            }
        }
        assert!(peak_kib() <= MOST_MEMORY_KIB, "{}: {} KiB", target.name, peak_kib());
    }
    eprintln!("fed {fed} changed inputs to {} targets, {} KiB", TARGETS.len(), peak_kib());
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
