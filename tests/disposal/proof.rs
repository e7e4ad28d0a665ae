//! Proof of destruction.

use strongroom::domain::path::RecordPath;
use strongroom::domain::pattern::Pattern;
use strongroom::domain::problem::Exit;
use strongroom::ops::query::{View, Which, history};
use strongroom::ops::restore::{RestoreOptions, apply, cat, plan};
use strongroom::ops::retention::certificate;
use strongroom::ops::retention::disposals::Stage;
use strongroom::ops::{Silent, Stop};

use super::town::{SECRET, noise, stretches, town_with_secret, without};

#[test]
fn what_is_disposed_of_is_in_no_stored_byte_and_everything_else_is_as_it_was() {
    let (town, markers) = town_with_secret();
    for marker in &markers {
        assert!(town.is_anywhere(marker), "the test would notice a marker");
    }
    let before = town.everything();
    let expected = without(&before, &[SECRET]);
    assert!(expected.len() < before.len());
    let (approval, note) = town.approve(&town.plan(&[SECRET]));
    let report = town.apply_now(approval).unwrap();
    assert_eq!((report.stage.clone(), report.exit()), (Stage::Done, Exit::Done), "{report:?}");
    assert!(report.relisted >= 4 && report.purged.deleted > 0, "{report:?}");
    assert!(report.purged.still_listed.is_empty() && report.purged.at_work.is_empty(), "{report:?}");
    town.assert_nowhere(&markers, "content");
    town.assert_nowhere(&[b"secret.bin".to_vec()], "its name, in listings and notes");
    assert_eq!(town.everything(), expected);
    assert!(!town.open().state().needed_notes().contains(&note), "the names are not needed any more");
    assert!(town.open().state().voids.is_empty());
    town.test();
    // Nobody is shown it, and everything comes back.
    let mut repo = town.open();
    let path = RecordPath::new(SECRET).unwrap();
    assert!(history(&mut repo, &path).unwrap().is_empty());
    let mut view = View::open(&mut repo, &Which::default()).unwrap();
    assert_eq!(view.find(&Pattern::new("secret"), &mut |_| Ok(())).unwrap(), 0);
    assert!(view.lookup(&path).unwrap().is_none());
    drop(view);
    let target = town.tmp.path().join("back");
    let options = RestoreOptions { include_deleted: true, ..RestoreOptions::everything(&target) };
    let options = RestoreOptions { owner: strongroom::ops::fs::place::Owner::OfFolder, ..options };
    let planned = plan(&mut repo, &options, &Silent, &Stop::default()).unwrap();
    apply(planned, &mut repo, &Silent, &Stop::default()).unwrap();
    assert!(!target.join(SECRET).exists());
    assert_eq!(std::fs::read(target.join("Documents/plan.bin")).unwrap(), noise(3, 120_000));
    assert_eq!(std::fs::read(target.join("Documents/minutes.txt")).unwrap(), b"resolved in July");
    // Asking again does nothing more; later backups go on from there.
    assert_eq!(town.apply_now(approval).unwrap().stage, Stage::Done);
    town.write("minutes.txt", "resolved in August");
    town.backup();
    town.assert_nowhere(&markers, "after another backup");
    assert!(town.everything().len() > expected.len());
}

#[test]
fn content_that_another_record_has_stays_and_is_named() {
    let (town, markers) = town_with_secret();
    // The same content was saved elsewhere before it was deleted; and a moved copy is disposed of as well.
    let shared = noise(7, 90_000);
    town.write("HR/shared.bin", &shared);
    town.write("HR/moved.bin", noise(8, 90_000));
    town.backup();
    town.remove("HR/shared.bin");
    town.write("kept-copy.bin", &shared);
    std::fs::rename(town.docs().join("HR/moved.bin"), town.docs().join("HR/moved-away.bin")).unwrap();
    town.backup();
    town.remove("HR/moved-away.bin");
    town.backup();
    town.test();
    let names = [SECRET, "Documents/HR/shared.bin", "Documents/HR/moved.bin", "Documents/HR/moved-away.bin"];
    let expected = without(&town.everything(), &names);
    let (approval, _) = town.approve(&town.plan(&names));
    assert_eq!(town.apply_now(approval).unwrap().stage, Stage::Done);
    town.assert_nowhere(&markers, "the first");
    town.assert_nowhere(&stretches(&noise(8, 90_000)), "the moved one");
    assert!(town.is_anywhere(&shared[100..140]), "another record still has it");
    assert_eq!(town.everything(), expected);
    let facts = certificate::read(&town.open(), approval).unwrap().facts().unwrap();
    assert_eq!((facts.records, facts.content_kept_elsewhere), (4, 1));
    let mut bytes = vec![];
    let path = RecordPath::new("Documents/kept-copy.bin").unwrap();
    cat(&mut town.open(), &path, &Which::default(), &mut bytes, &Stop::default()).unwrap();
    assert_eq!(bytes, shared);
}
