//! No room left: in the store, in the state folder, where documents are brought back to.

use crate::mounts::{Mount, may_mount};
use crate::place::{Place, noise};
use crate::{all_is_well, comes_back, files, nothing_half_written};

#[test]
fn a_full_store_keeps_what_it_has_and_takes_the_rest_when_there_is_room() {
    if !may_mount("space::a_full_store_keeps_what_it_has_and_takes_the_rest_when_there_is_room") {
        return;
    }
    let place = Place::council("");
    let disk = Mount::tmpfs(&place.path("repository"), "size=3m");
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0);
    let before = files(&place.path("Documents"));
    place.write("Documents/Plans/large.bin", &noise(8_000_000));
    for _ in 0..2 {
        let said = place.run(["run"]).ends(1);
        let said = said.says("No space left on device").says("hint: The store is full. Make it larger or free some");
        said.says("PROBLEM: somebody must act.").says("backup-failed/documents/store-full").never_says("panicked");
        nothing_half_written(&place.path("repository"));
        comes_back(&place, &before);
    }
    disk.resize("size=64m");
    place.run(["run"]).ends(0).never_says("PROBLEM");
    all_is_well(&place);
}

/// However little is left: the keys stay, the failure is said, and the next run with room is a whole one.
#[test]
fn a_full_state_folder_loses_nothing_of_it() {
    if !may_mount("space::a_full_state_folder_loses_nothing_of_it") {
        return;
    }
    let place = Place::council("");
    let _disk = Mount::tmpfs(&place.path("home/state"), "size=1m");
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0);
    let keys = place.read("home/state/machine.json");
    let mut failed = 0;
    for left in [0, 4, 8, 16, 24, 32, 48, 64] {
        place.write("Documents/Minutes/new.txt", format!("with {left} KiB left").as_bytes());
        fill(&place, left);
        let said = place.run(["run"]);
        if said.code != 0 {
            failed += 1;
            let said = said.ends(1).never_says("panicked");
            assert!(
                said.err.contains("is full; free some space") || said.err.contains("No space left"),
                "{}",
                said.err
            );
            // The journal knows the cause, or has no room left for it: then the run itself says so.
            let said = said.says("PROBLEM");
            let told = said.out.contains("local-disk-full") || said.out.contains("could not be written down");
            assert!(told, "{}", said.out);
        }
        assert_eq!(place.read("home/state/machine.json"), keys, "{left}");
        std::fs::remove_file(place.path("home/state/fill")).unwrap();
        place.run(["run"]).ends(0).never_says("PROBLEM");
        nothing_half_written(&place.path("home/state"));
    }
    assert!(failed >= 2, "only {failed} runs met a full disk");
    all_is_well(&place);
}

/// Takes all the room but so many KiB.
fn fill(place: &Place, left: usize) {
    let path = place.path("home/state/fill");
    let mut size = 0;
    while std::fs::write(&path, vec![1; size + 4096]).is_ok() {
        size += 4096;
    }
    std::fs::write(&path, vec![1; size.saturating_sub(left * 1024)]).unwrap();
}

#[test]
fn a_restore_that_cannot_fit_writes_nothing() {
    if !may_mount("space::a_restore_that_cannot_fit_writes_nothing") {
        return;
    }
    let place = Place::ready("");
    place.write("Documents/Plans/large.bin", &noise(4_000_000));
    place.run(["run"]).ends(0);
    let disk = Mount::tmpfs(&place.path("out"), "size=1m");
    let to = place.text("out/back");
    let said = place.run(["restore", "--all", "--to", &to]).ends(1);
    said.says("bytes free, the restore needs").says("nothing was written: choose another target");
    assert!(files(&place.path("out")).is_empty());
    disk.resize("size=32m");
    place.run(["restore", "--all", "--to", &to]).ends(0);
    assert!(files(&place.path("out/back/Documents")) == files(&place.path("Documents")));
}

/// The disk fills while it is being written: what stands under its name is whole.
#[test]
fn a_target_that_fills_in_the_middle_holds_whole_files_only() {
    if !may_mount("space::a_target_that_fills_in_the_middle_holds_whole_files_only") {
        return;
    }
    let place = Place::ready("");
    for n in 0..20 {
        place.write(&format!("Documents/many/{n}.bin"), &noise(20_000 + n));
    }
    place.run(["run"]).ends(0);
    // Room for bytes, and none for names: what the check before cannot foresee.
    let disk = Mount::tmpfs(&place.path("out"), "size=32m,nr_inodes=14");
    let to = place.text("out/back");
    let said = place.run(["restore", "--all", "--to", &to]).ends(1);
    said.says("the disk (or quota) of the target is full; make room or choose another target");
    nothing_half_written(&place.path("out"));
    let (source, partial) = (files(&place.path("Documents")), files(&place.path("out/back/Documents")));
    assert!(!partial.is_empty() && partial.len() < source.len(), "{}", partial.len());
    assert!(partial.iter().all(|(name, bytes)| source[name] == *bytes), "half a file stands under its name");
    disk.resize("nr_inodes=1000");
    place.run(["restore", "--all", "--to", &to]).ends(0).says("were there already, unchanged");
    assert!(files(&place.path("out/back/Documents")) == source);
}
