//! The real program, killed at any moment of a restore and started again with the same words.
#![cfg(feature = "testing")]
// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

#[path = "support/growing.rs"]
mod growing;
mod office;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use growing::kill_after_changes;
use office::{assert_same, quick_dir};
use strongroom::ops::fs::random_tree::Rng;

fn program(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.arg("--home").arg(home).args(words).env("HOME", home).current_dir(home);
    command.stdin(Stdio::null());
    command
}

#[test]
fn a_restore_that_is_killed_goes_on_and_ends_the_same() {
    let tmp = quick_dir();
    let (home, docs) = (tmp.path().join("home"), tmp.path().join("docs"));
    let mut rng = Rng::new(3);
    fs::create_dir(&home).unwrap();
    for n in 0..400u64 {
        let folder = docs.join(format!("d{}", n % 13));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("f{n}")), rng.bytes(20_000 + n * 300)).unwrap();
    }
    fs::write(docs.join("large"), rng.bytes(30 << 20)).unwrap();
    fs::hard_link(docs.join("large"), docs.join("d1/large too")).unwrap();
    let first = program(&home, &["run", "--folder", docs.to_str().unwrap()]).output().unwrap();
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));

    let to = tmp.path().join("to");
    let words = ["restore", "--all", "--to", to.to_str().unwrap()];
    let mut killed = 0;
    for step in 1.. {
        assert!(step < 60, "it comes to no end");
        let Some(out) = kill_after_changes(program(&home, &words), &[&to], step * 10) else {
            killed += 1;
            continue;
        };
        assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
        break;
    }
    println!("{killed} kills");
    assert!(killed >= 3, "it was killed a few times: {killed}");
    let last = program(&home, &words).output().unwrap();
    assert_eq!(last.status.code(), Some(0), "{}", String::from_utf8_lossy(&last.stderr));
    let [only] = fs::read_dir(&to).unwrap().collect::<Vec<_>>().try_into().unwrap();
    assert_same(&docs, &only.unwrap().path(), "after it was killed");
}
