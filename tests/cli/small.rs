//! Small things that everything hangs on, and damage that must be named: what people read, and how it ends.

use std::path::{Path, PathBuf};

use crate::fault_store::{change, flip, key_file};
use crate::place::{Place, Said, noise};

fn recover(place: &Place, to: &str) -> Said {
    let url = format!("file://{}", place.text("repository"));
    let sheet = place.text("sheet.txt");
    let recover = ["recover", "--repository", &url, "--recovery-key-file", &sheet, "--to", &place.text(to)];
    Said::of(place.command().args(recover).output().unwrap())
}

/// The small pack that came with the newest backup: its listing.
fn newest_listing(place: &Place, before: &[PathBuf]) -> PathBuf {
    let new = place.objects("packs").into_iter().filter(|p| !before.contains(p));
    new.min_by_key(|p| std::fs::metadata(p).unwrap().len()).unwrap()
}

fn same(place: &Place, to: &str, name: &str) -> bool {
    place.read(&format!("{to}/Documents/{name}")) == place.read(&format!("Documents/{name}"))
}

#[test]
fn the_run_that_meets_a_damaged_key_file_puts_it_back_and_the_sheet_works() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    flip(&key_file(&place));
    place.run(["verify", "check"]).ends(4).says("the key file of 'recovery sheet' in the store is damaged");
    recover(&place, "none").ends(4).says("is damaged: nothing else in the store opens with this key");
    place.run(["run"]).ends(4).says("this computer's copy was put back").never_says("--reread");
    place.run(["run"]).ends(0);
    place.run(["key", "sheet", "--check", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    recover(&place, "back").ends(0);
    // The office server's own, with nothing to copy it from: the sheet makes new ones.
    place.run(["verify", "check"]).ends(0);
    for file in place.objects("keys") {
        if file != key_file(&place) {
            change(&file, |b| b.truncate(b.len() / 2));
        }
    }
    std::fs::remove_dir_all(place.path("home/state/bundles")).unwrap();
    place.run(["verify", "check"]).ends(4).says("strongroom key rotate");
    place.run(["key", "rotate", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["verify", "check"]).ends(0);
    place.run(["run"]).ends(0);
}

#[test]
fn a_listing_that_rotted_is_named_with_the_older_snapshot_that_can_be_restored() {
    let place = Place::ready("");
    place.run(["backup"]).ends(0);
    let before = place.objects("packs");
    place.write("Documents/Minutes/later.bin", &noise(200_001));
    place.run(["backup"]).ends(0);
    flip(&newest_listing(&place, &before));
    let said = place.run(["restore", "--all", "--to", &place.text("none")]).ends(4);
    let said = said.says("snapshot 4 of the set 'documents', of 20").says("cannot be opened: pack ");
    said.says(": --snapshot 2").says("hint: If the store keeps old versions").never_says("--reread");
    assert!(!place.path("none").exists());
    place.run(["restore", "--all", "--snapshot", "2", "--to", &place.text("older")]).ends(0);
    assert!(same(&place, "older", "Plans/site.bin"));
    let said = recover(&place, "back").ends(4).says("in its place comes snapshot 2 of 20").says("Recovered 3 files");
    said.never_says("--reread");
    assert!(same(&place, "back", "Plans/site.bin") && same(&place, "back", "Minutes/2026/June.txt"));
}

#[test]
fn a_rotten_index_keeps_nobody_from_anything() {
    let place = Place::ready("");
    place.run(["backup"]).ends(0);
    flip(&place.objects("index")[0]);
    let packs = "is damaged or missing: what it said was read from the packs themselves";
    recover(&place, "back").ends(4).says(packs).says("Recovered 3 files");
    assert!(same(&place, "back", "Plans/site.bin"));
    let forget = || {
        let _ = std::fs::remove_dir_all(place.path("home/state/cache"));
    };
    forget();
    place.run(["restore", "--all", "--to", &place.text("there")]).ends(4).says(packs);
    assert!(same(&place, "there", "Plans/site.bin"));
    forget();
    place.write("Documents/Minutes/later.txt", b"later\n");
    place.run(["backup"]).ends(0).says("strongroom verify check");
    forget();
    place.run(["run"]).ends(4).says("DAMAGE: index/");
}

#[test]
fn a_check_takes_no_limit() {
    let place = Place::ready("");
    for limit in [["--max-bytes", "1MiB"], ["--max-duration", "1h"]] {
        place.run(["verify", "check"].into_iter().chain(limit)).ends(2).says("it takes no limit");
    }
    place.run(["verify", "check", "--all"]).ends(1);
    assert!(Path::new(&place.text("home")).exists());
}
