//! Drills on real files, real backups and a store in memory.

use super::fixture::Council;
use super::{DrillOptions, DrillReport, Object, drill};
use crate::domain::problem::Exit;
use crate::ops::error::OpsError;
use crate::ops::{Silent, Stop};
use crate::repo::error::RepoError;

fn try_drill(council: &Council, keep: bool) -> Result<DrillReport, OpsError> {
    let options = DrillOptions { set: None, to: council.tmp.path().join("drill"), keep };
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
    assert_eq!((report.exit(), report.everything), (Exit::Done, d.bytes));
    assert!(!council.tmp.path().join("drill").exists());
    let repo = council.open();
    assert_eq!(repo.state().drills.len(), 1);
    assert_eq!(repo.state().drills[0].1, report.drilled);
}

#[test]
fn what_is_kept_is_what_was_backed_up_and_for_our_eyes_only() {
    use std::os::unix::fs::PermissionsExt;
    let council = with_documents();
    try_drill(&council, true).unwrap();
    let place = council.tmp.path().join("drill");
    assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
    let back = std::fs::read(place.join("Documents/plan.jpg")).unwrap();
    assert!(back == Council::noise(1, 3 << 20));
    let again = try_drill(&council, false).unwrap_err();
    let words = format!("{} is not empty; a drill wants an empty place, so that nothing is mixed up", place.display());
    assert_eq!(again.to_string(), words);
    assert!(place.join("Documents/plan.jpg").exists(), "what lay there was not touched");
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
    assert!(!council.tmp.path().join("drill").exists());
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
