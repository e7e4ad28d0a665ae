//! The service's own user, and an administrator's root shell beside it with the same file: neither locks the other out.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::place::{Place, Said};

const SERVICE: u32 = 65_534;

/// Everything below some folders, with the folders themselves.
fn below(tops: &[PathBuf]) -> Vec<PathBuf> {
    let (mut all, mut todo) = (vec![], tops.to_vec());
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(std::fs::read_dir(&path).unwrap().map(|item| item.unwrap().path()));
        }
        all.push(path);
    }
    all
}

struct Shells {
    place: Place,
    program: PathBuf,
}

impl Shells {
    fn run(&self, as_root: bool, words: &[&str]) -> Said {
        let mut command = Command::new(&self.program);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", self.place.path("user")).stdin(Stdio::null());
        command.arg("--home").arg(self.place.path("home")).args(words).current_dir(self.place.path("work"));
        if !as_root {
            command.uid(SERVICE).gid(SERVICE);
        }
        Said::of(command.output().unwrap())
    }

    /// All of the state and the repository is the service's, and the state nobody else's to read.
    #[track_caller]
    fn in_order(&self, after: &str) {
        for path in below(&[self.place.path("home"), self.place.path("repository")]) {
            let meta = path.symlink_metadata().unwrap();
            assert_eq!((meta.uid(), meta.gid()), (SERVICE, SERVICE), "{} after {after}", path.display());
        }
        let state = self.place.path("home/state");
        assert!(state.is_dir(), "{:?}", below(&[self.place.path("home")]));
        for path in below(&[state]) {
            let mode = path.symlink_metadata().unwrap().mode() & 0o777;
            assert_eq!(mode & 0o077, 0, "{} is {mode:o} after {after}", path.display());
        }
    }
}

#[test]
fn root_and_the_services_user_take_turns_and_nobody_is_locked_out() {
    if !rustix::process::geteuid().is_root() {
        println!("only root has a root shell: not tried");
        return;
    }
    let place = Place::council("");
    let program = place.path("strongroom");
    std::fs::copy(env!("CARGO_BIN_EXE_strongroom"), &program).unwrap();
    for path in below(&[place.path(".")]) {
        std::os::unix::fs::lchown(path, Some(SERVICE), Some(SERVICE)).unwrap();
    }
    let shells = Shells { place, program };
    let sheet = shells.place.text("sheet.txt");
    shells.run(false, &["init", "--recovery-key-file", &sheet]).ends(0);
    shells.run(false, &["run"]).ends(0);
    shells.in_order("the service's own run");
    for night in 0..2 {
        shells.place.write("Documents/Minutes/2026/May.txt", format!("night {night}").as_bytes());
        for words in [
            &["run"][..],
            &["status"],
            &["backup"],
            &["verify", "restore"],
            &["prune", "--keep-last", "1", "--grace", "0", "--yes"],
            &["log", "--verify"],
            &["hold", "place", "Documents/Plans", "--reason", "FOI", "--by", "C", "--review", "2030-01-01"],
            &["hold", "release", "--reason", "FOI", "--by", "C", "--note", "answered"],
        ] {
            shells.run(true, words).ends(0);
            shells.in_order(&format!("root's {}", words.join(" ")));
        }
        shells.place.write("Documents/Minutes/2026/May.txt", format!("day {night}").as_bytes());
        shells.run(false, &["run"]).ends(0).never_says("Permission denied");
        shells.run(false, &["backup", "--reread"]).ends(0);
        shells.run(false, &["status"]).ends(0);
        shells.in_order("the service again");
    }
    let back = shells.run(false, &["cat", "Documents/Minutes/2026/May.txt"]).ends(0);
    assert_eq!(back.raw, b"day 1");
}
