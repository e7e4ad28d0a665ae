//! The computer's clock a year ahead and a year behind: the backup is taken, nothing is deleted, and it is said.

use std::process::Command;

use crate::all_is_well;
use crate::place::{Place, Said, noise};
use crate::refused::at_s3;
use crate::s3::S3Server;

/// The program under another clock.
#[track_caller]
fn at(place: &Place, offset: &str, words: &[&str]) -> Said {
    let real = place.command();
    let mut command = Command::new("faketime");
    command.args(["-m", "-f", offset]).arg(real.get_program()).arg("--home").arg(place.path("home")).args(words);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("DONT_FAKE_MONOTONIC", "1");
    let ran = command.env("HOME", place.path("user")).current_dir(place.path("work")).output();
    Said::of(
        ran.unwrap_or_else(|e| panic!("this test needs Debian's package faketime, as tests/all.sh installs it: {e}")),
    )
}

/// Snapshots superseded and a pack that nothing needs, condemned now: what a wrong clock could have deleted.
fn something_to_delete(place: &Place) {
    place.run(["run"]).ends(0);
    place.write("Documents/Plans/site.bin", &noise(300_001));
    place.run(["backup"]).ends(0);
    place.run(["prune", "--keep-last", "1"]).ends(0);
}

#[test]
fn a_clock_behind_deletes_nothing_and_is_told() {
    let place = Place::ready("");
    something_to_delete(&place);
    let packs = place.objects("packs");
    place.write("Documents/Minutes/new.txt", b"under a wrong clock");
    let said = at(&place, "-365d", &["run"]).ends(6).says("Backed up \"documents\": 4 files");
    let said = said.says("the clock of this computer is in doubt (it is behind the newest entry of the log).");
    said.says("Nothing is deleted until it is put right").says("hint: Set this computer's clock (timedatectl)");
    at(&place, "-365d", &["prune", "--keep-last", "1"]).ends(6).says("Nothing is deleted until it is put right");
    at(&place, "-365d", &["status"]).says("the clock of this computer is in doubt");
    at(&place, "-365d", &["doctor"]).ends(1).says("the newest entry of the log is dated");
    let after = place.objects("packs");
    assert!(packs.iter().all(|pack| after.contains(pack)), "a pack was deleted");
    // Put right, all goes on by itself.
    place.run(["run"]).ends(0).never_says("in doubt").never_says("PROBLEM");
    all_is_well(&place);
}

/// A folder has no clock to compare with: afterwards the right clock is the one in doubt, until a person says so.
#[test]
fn a_clock_that_was_ahead_once_does_not_stop_the_clean_up_for_a_year() {
    let place = Place::ready("");
    something_to_delete(&place);
    place.write("Documents/Minutes/new.txt", b"under a wrong clock");
    at(&place, "+365d", &["backup"]).ends(0).says("Backed up \"documents\": 4 files");
    place.write("Documents/Minutes/new.txt", b"under the right clock");
    let packs = place.objects("packs");
    place.run(["status"]).ends(5).says("in the future. A clock is or was wrong.");
    let said = place.run(["run"]).ends(6).says("it is behind the newest entry of the log");
    said.says("If it is right now and was wrong before: strongroom prune --yes");
    // The newest state is the one backed up last, whatever its date.
    assert_eq!(place.run(["cat", "Documents/Minutes/new.txt"]).ends(0).raw, b"under the right clock");
    let after = place.objects("packs");
    assert!(packs.iter().all(|pack| after.contains(pack)), "a pack was deleted");
    place.run(["prune", "--yes"]).ends(0);
    place.run(["run"]).ends(0).never_says("in doubt");
    place.run(["snapshots"]).ends(0).says("its time is in doubt");
    place.run(["doctor"]).never_says("is dated 20");
    all_is_well(&place);
}

/// With nothing to compare it with, a clock ahead may shorten the wait: it deletes what nothing needs, and no more.
#[test]
fn a_clock_ahead_deletes_nothing_that_is_needed() {
    let place = Place::ready("");
    something_to_delete(&place);
    at(&place, "+3650d", &["run"]).ends(0);
    at(&place, "+3650d", &["prune"]).ends(0);
    all_is_well(&place);
    // An earlier snapshot that thinning kept, too.
    place.run(["prune", "--yes"]).ends(0);
    place.run(["verify", "restore", "--all"]).ends(0);
}

/// Amazon and its like refuse whoever is a quarter of an hour off: that is about the clock, not about the keys.
#[test]
fn a_store_that_refuses_the_wrong_time_is_about_the_clock() {
    let server = S3Server::start();
    let place = at_s3(&server.url());
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0);
    let stored = crate::files(&server.folder);
    for offset in ["+365d", "-365d"] {
        let said = at(&place, offset, &["run"]).ends(1).says("RequestTimeTooSkewed").says("PROBLEM");
        let said =
            said.says("hint: This computer's clock is wrong: set it (timedatectl set-ntp true), then run again.");
        said.never_says("Check the credentials");
        assert!(crate::files(&server.folder) == stored, "something was changed");
    }
    place.run(["run"]).ends(0).never_says("PROBLEM");
    all_is_well(&place);
}
