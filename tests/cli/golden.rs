//! Golden repositories: what an earlier version stored, every later version brings back. `tests/golden/format-1` was made
//! by the program itself over four days: two nights, a file moved, one changed and one deleted, a hold, a
//! disposal carried out, sealing keys rotated, a third night. Its sheet opens nothing else.

use std::path::Path;

use crate::place::{Place, Said};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let there = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &there);
        } else {
            std::fs::copy(entry.path(), there).unwrap();
        }
    }
}

/// A bare computer beside a golden repository, after `recover`.
fn recovered(version: &str) -> Place {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version);
    let place = Place::new();
    copy(&golden.join("repository"), &place.path("repository"));
    std::fs::copy(golden.join("sheet.txt"), place.path("sheet.txt")).unwrap();
    let (url, to) = (format!("file://{}", place.text("repository")), place.text("new"));
    let recover = ["recover", "--repository", &url, "--recovery-key-file", &place.text("sheet.txt"), "--to", &to];
    Said::of(place.command().args(recover).output().unwrap()).ends(0).says("Recovered 6 files");
    place.configure("council.toml", &format!("[state]\ndir = \"{}\"", place.text("new.strongroom-state")));
    place
}

#[test]
fn a_golden_repository_of_format_1_comes_back_byte_for_byte() {
    let place = recovered("format-1");
    let text = |name: &str| String::from_utf8(place.read(&format!("new/Documents/{name}"))).unwrap();
    assert_eq!(text("Minutes/May-2024.txt"), "Resolved: to plant a tree.\n");
    assert_eq!(text("Minutes/June.txt"), "Resolved: to water it twice.\n");
    assert_eq!(text("Minutes/July.txt"), "Resolved: to prune it.\n");
    assert_eq!(text("Plans/empty"), "");
    let plan = place.read("new/Documents/Plans/site.bin");
    let digest = blake3::hash(&plan).to_hex();
    assert_eq!((plan.len(), &digest[..16]), (96_000, DIGEST));
    assert!(place.read("new/Documents/Plans/hollow") == vec![0; 1 << 20]);
    assert_eq!(std::fs::read_link(place.path("new/Documents/Plans/link")).unwrap(), Path::new("../Minutes/May.txt"));
    assert!(!place.path("new/Documents/HR/gone.txt").exists() && place.path("new/Documents/HR").is_dir());
}

const DIGEST: &str = "cc3bca223204769d";

#[test]
fn and_goes_on_living() {
    let place = recovered("format-1");
    place.run(["log", "--verify"]).ends(0);
    place.run(["verify", "check"]).ends(0);
    place.run(["verify", "restore", "--all"]).ends(0).says("everything came back as it was");
    // What it ruled still counts.
    place.run(["hold", "list"]).ends(0).says("FOI 2024-1");
    place.run(["find", "gone.txt"]).says("was destroyed");
    place.run(["retention", "disposals"]).ends(0).says("2024-03-02-6207a766").says("minute 8a");
    let moved = ["restore", "--to", &place.text("one"), "Documents/Minutes/May.txt"].map(str::to_owned);
    place.run(moved).ends(0);
    assert_eq!(place.read("one/Documents/Minutes/May.txt"), b"Resolved: to plant a tree.\n");
    let sheet = place.text("sheet.txt");
    place.run(["actor", "revoke", "office server", "--recovery-key-file", &sheet]).ends(0);
    place.run(["backup"]).ends(0);
    place.run(["verify", "restore", "--all"]).ends(0);
}
