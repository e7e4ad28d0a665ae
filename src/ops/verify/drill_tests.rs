//! Drills on real files, real backups and a store in memory.

use super::drill::{Projection, projection};
use super::fixture::Council;
use super::{DrillOptions, DrillReport, Object, drill};
use crate::domain::log::entry::Drilled;
use crate::domain::problem::Exit;
use crate::ops::error::OpsError;
use crate::ops::{Silent, Stop};
use crate::repo::error::RepoError;

fn try_drill(council: &Council, keep: bool) -> Result<DrillReport, OpsError> {
    let options = DrillOptions { set: None, sample: None, to: council.tmp.path().join("drill"), keep };
    drill(&mut council.open(), &options, &Silent, &Stop::default())
}

fn with_documents() -> Council {
    let council = Council::new();
    council.write("minutes.txt", "Minutes");
    council.write("plan.jpg", Council::noise(1, 3 << 20));
    council.backup();
    council
}

#[test]
fn everything_comes_back_is_put_on_record_and_removed_again() {
    let council = with_documents();
    let report = try_drill(&council, false).unwrap();
    let d = &report.drilled;
    assert_eq!((d.files, d.bytes, d.failed, d.whole), (2, 7 + (3 << 20), 0, true));
    assert!(d.stored > 3 << 20, "{}", d.stored);
    assert_eq!(report.exit(), Exit::Done);
    assert_eq!(std::fs::read_dir(council.tmp.path().join("drill")).unwrap().count(), 0);
    let repo = council.open();
    assert_eq!(repo.state().drills.len(), 1);
    assert_eq!(repo.state().drills[0].1, report.drilled);
}

#[test]
fn what_is_kept_is_what_was_backed_up_and_for_our_eyes_only() {
    use std::os::unix::fs::PermissionsExt;
    let council = with_documents();
    let report = try_drill(&council, true).unwrap();
    assert!(report.dir.starts_with(council.tmp.path().join("drill").canonicalize().unwrap()));
    assert_eq!(std::fs::metadata(&report.dir).unwrap().permissions().mode() & 0o777, 0o700);
    let back = std::fs::read(report.dir.join("Documents/plan.jpg")).unwrap();
    assert!(back == Council::noise(1, 3 << 20));
}

#[test]
fn nothing_beside_it_is_touched_and_a_link_is_followed() {
    let council = with_documents();
    let (place, real) = (council.tmp.path().join("drill"), council.tmp.path().join("real"));
    std::fs::create_dir(&real).unwrap();
    std::fs::write(real.join("letter.txt"), "somebody else's").unwrap();
    std::os::unix::fs::symlink(&real, &place).unwrap();
    let report = try_drill(&council, false).unwrap();
    assert_eq!((report.drilled.files, report.left_behind), (2, None));
    let left: Vec<_> = std::fs::read_dir(&real).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["letter.txt"]);
    assert!(place.symlink_metadata().unwrap().is_symlink());
    std::fs::remove_file(&place).unwrap();
    std::os::unix::fs::symlink("nowhere", &place).unwrap();
    assert!(matches!(try_drill(&council, false), Err(OpsError::Target(_))));
    assert!(place.symlink_metadata().is_ok(), "an operator's link stays");
}

#[test]
fn damage_is_told_counted_and_nothing_is_left_behind() {
    let council = with_documents();
    let (_, pack) = council.pack_of("Documents/plan.jpg");
    council.damage(pack, |bytes| bytes[1 << 20] ^= 1);
    let report = try_drill(&council, false).unwrap();
    assert_eq!(report.exit(), Exit::Damage);
    assert!(report.drilled.failed >= 1 && report.drilled.files + report.drilled.failed == 2, "{:?}", report.drilled);
    assert_eq!(report.failed[0].records.len() as u64, report.drilled.failed);
    assert_eq!(council.open().state().drills[0].1.failed, report.drilled.failed);
    assert_eq!(std::fs::read_dir(council.tmp.path().join("drill")).unwrap().count(), 0);
    council.lose(pack);
    assert!(matches!(pack, Object::Pack(_)));
    assert_eq!(try_drill(&council, false).unwrap().exit(), Exit::Damage);
}

#[test]
fn a_drill_that_brings_nothing_back_has_failed() {
    let council = Council::new();
    assert!(matches!(try_drill(&council, false), Err(OpsError::NotFound(_))));
    let blind = Council::write_only();
    blind.write("a.txt", "a");
    blind.backup();
    assert!(matches!(try_drill(&blind, false), Err(OpsError::Repo(RepoError::CannotRead))));
    assert!(blind.open().state().drills.is_empty());
}

#[test]
fn a_sample_is_a_drill_of_a_part_and_projects_the_whole() {
    let council = with_documents();
    council.write("second.jpg", Council::noise(2, 1 << 20));
    council.backup();
    let to = council.tmp.path().join("drill");
    let options = DrillOptions { set: None, sample: Some(2 << 20), to, keep: false };
    let report = drill(&mut council.open(), &options, &Silent, &Stop::default()).unwrap();
    let d = &report.drilled;
    assert!(d.sampled && !d.whole && d.failed == 0, "{d:?}");
    assert_eq!((d.files, d.bytes), (2, 7 + (1 << 20)), "the large one does not fit");
    let repo = council.open();
    assert!(repo.state().proofs.drilled.is_some() && repo.state().proofs.drilled_whole.is_none());
    // Twice the sample's bytes take twice its time; a slow link takes longer still.
    let drilled = Drilled { bytes: 1 << 20, seconds: 10, ..d.clone() };
    let p = projection(repo.state(), &drilled, None).unwrap();
    assert_eq!((p.bytes, p.seconds), (7 + (4 << 20), 40));
    assert!(p.stored > 4 << 20 && p.stored < 5 << 20, "{p:?}");
    let slow = projection(repo.state(), &drilled, Some(1)).unwrap();
    assert_eq!(slow, Projection { seconds: 40, ..p }, "34 seconds of the link pass meanwhile");
    let slow = projection(repo.state(), &Drilled { seconds: 1, ..drilled.clone() }, Some(1)).unwrap();
    assert_eq!(slow.seconds, p.stored * 8 / 1_000_000);
    assert_eq!(projection(repo.state(), &Drilled { failed: 1, ..drilled }, None), None);
}
