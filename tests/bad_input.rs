//! Bad input, met by the real program: no room, no right to write, credentials that are refused, a clock a year off,
//! garbage in every file. Each ends with a sentence that says what to do and the right exit code; nothing is lost,
//! nothing half-written stays, and once the cause is mended the next run goes on by itself.
#![allow(clippy::unwrap_used)]

#[path = "bad_input/clock.rs"]
mod clock;
#[path = "bad_input/fuzz.rs"]
mod fuzz;
#[path = "bad_input/garbage.rs"]
mod garbage;
#[path = "bad_input/mounts.rs"]
mod mounts;
#[path = "cli/place.rs"]
#[allow(dead_code)]
mod place;
#[path = "bad_input/refused.rs"]
mod refused;
#[path = "support/s3.rs"]
#[allow(dead_code)]
mod s3;
#[path = "bad_input/space.rs"]
mod space;
#[path = "bad_input/trust.rs"]
mod trust;
#[path = "bad_input/watching.rs"]
mod watching;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use place::Place;

/// Every file below a folder with its bytes, by its path within.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut todo) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(next) = todo.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                todo.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(dir).unwrap().to_owned();
                found.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Everything that is stored is sound, and all of it comes back as the documents are now.
#[track_caller]
fn all_is_well(place: &Place) {
    place.run(["verify", "check"]).ends(0);
    place.run(["verify", "restore", "--all"]).ends(0);
    comes_back(place, &files(&place.path("Documents")));
}

/// The newest state, restored, is exactly this.
#[track_caller]
fn comes_back(place: &Place, documents: &BTreeMap<PathBuf, Vec<u8>>) {
    let target = tempfile::tempdir().unwrap();
    let to = target.path().join("back");
    place.run(["restore", "--all", "--to", to.to_str().unwrap()]).ends(0);
    let back = files(&to.join("Documents"));
    assert_eq!(back.keys().collect::<Vec<_>>(), documents.keys().collect::<Vec<_>>());
    assert!(back == *documents, "the content differs");
}

/// No unfinished object or file: what a writer leaves under a name of passage.
#[track_caller]
fn nothing_half_written(dir: &Path) {
    let passing = |name: &&PathBuf| {
        let name = name.file_name().unwrap().to_string_lossy().into_owned();
        name.contains('#') || name.ends_with(".new") || name.contains(".strongroom-")
    };
    let files = files(dir);
    assert_eq!(files.keys().filter(passing).collect::<Vec<_>>(), Vec::<&PathBuf>::new());
}
