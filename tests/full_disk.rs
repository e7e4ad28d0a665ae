//! Output that cannot be written is a failure; a reader that went away is none.
#![allow(clippy::unwrap_used)]

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn program(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.arg("--home").arg(home).args(words).stdin(Stdio::null());
    command
}

fn into_full_disk(home: &Path, words: &[&str]) -> Output {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    program(home, words).stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn half_an_answer_is_no_success() {
    let tmp = tempfile::tempdir().unwrap();
    let (home, docs) = (tmp.path().join("home"), tmp.path().join("docs"));
    std::fs::create_dir(&docs).unwrap();
    std::fs::write(docs.join("minutes.txt"), "resolved. ".repeat(100_000)).unwrap();
    let begun = program(&home, &["run", "--folder", docs.to_str().unwrap()]).output().unwrap();
    assert!(begun.status.success(), "{}", String::from_utf8_lossy(&begun.stderr));
    let fails: [&[&str]; 4] =
        [&["cat", "minutes.txt"], &["cat", "minutes.txt", "--json"], &["ls", "--recursive"], &["config", "example"]];
    for words in fails {
        let run = into_full_disk(&home, words);
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(1), "{words:?}: {said}");
        assert_eq!(said.matches("the output could not be written").count(), 1, "{words:?}: {said}");
        let whole = program(&home, words).output().unwrap();
        assert_eq!(whole.status.code(), Some(0), "{words:?}");
    }
    // The reader goes away before the first byte.
    let mut run =
        program(&home, &["cat", "minutes.txt"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(run.stdout.take());
    let run = run.wait_with_output().unwrap();
    assert_eq!((run.status.code(), String::from_utf8_lossy(&run.stderr).as_ref()), (Some(0), ""));
}
