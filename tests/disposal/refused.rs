//! Stores that keep what they are told to delete: nothing is called done, or deleted, that was not seen to be gone.

use object_store::ObjectStoreExt;
use strongroom::domain::problem::Exit;
use strongroom::ops::retention::apply::ApplyReport;
use strongroom::ops::retention::certificate;
use strongroom::ops::retention::disposals::{Stage, disposals};
use strongroom::repo::layout::{Key, PACKS};
use strongroom::testing::{Fault, Plan};

use super::town::{SECRET, Town, small_town_with_secret, without};

/// One more run on a store that deletes nothing: it says so, and says nothing else.
fn in_vain(town: &Town, approval: u64) -> ApplyReport {
    let report = town.apply_now(approval).unwrap();
    assert_eq!((report.stage.clone(), report.exit()), (Stage::Relisted, Exit::Incomplete), "{report:?}");
    assert!(!report.purged.still_listed.is_empty() && report.certificate.is_none(), "{report:?}");
    assert_eq!((report.purged.deleted, report.purged.deleted_bytes), (0, 0), "what is listed was not deleted");
    assert!(certificate::read(&town.open(), approval).is_err());
    let shown = disposals(town.open().state());
    assert_eq!(shown.iter().map(|d| d.stage.clone()).collect::<Vec<_>>(), [Stage::Relisted], "what status counts by");
    report
}

fn listed(town: &Town) -> usize {
    town.store().list(PACKS).unwrap().0.len()
}

#[test]
fn where_deletes_are_refused_or_without_effect_it_is_not_done_until_they_work() {
    for fault in [Fault::RefuseDelete, Fault::DeleteInVain] {
        let (town, markers) = small_town_with_secret();
        let expected = without(&town.everything(), &[SECRET]);
        let (approval, note) = town.approve(&town.plan(&[SECRET]));
        town.faults.restart(Plan::always(fault));
        let first = in_vain(&town, approval);
        assert_eq!(first.purged.refused > 0, fault == Fault::RefuseDelete, "{first:?}");
        town.clock.advance_days(1);
        let before = listed(&town);
        town.faults.restart(Plan::always(fault));
        assert_eq!(in_vain(&town, approval).purged.still_listed, first.purged.still_listed);
        assert!(town.faults.count("delete packs") > 0, "every run tries again");
        assert_eq!(listed(&town), before, "and writes nothing more");
        // The lock of some is over; then that of all.
        town.faults.restart(Plan::none());
        let calls = town.fork();
        calls.apply_now(approval).unwrap();
        let record = calls.faults.record();
        let second = record.iter().enumerate().filter(|(_, c)| c.starts_with("delete packs")).nth(1).unwrap().0;
        town.faults.restart(Plan::at(second, fault));
        let report = town.apply_now(approval).unwrap();
        assert_eq!((report.exit(), report.purged.still_listed.len()), (Exit::Incomplete, 1), "{report:?}");
        assert_eq!(report.purged.deleted as usize + 1, first.purged.still_listed.len());
        town.faults.restart(Plan::none());
        town.clock.advance_days(1);
        let report = town.apply_now(approval).unwrap();
        assert_eq!((report.stage.clone(), report.exit()), (Stage::Done, Exit::Done), "{report:?}");
        let facts = certificate::read(&town.open(), approval).unwrap().facts().unwrap();
        assert!(facts.deleted_on.is_some_and(|on| on >= facts.unreachable_since), "{facts:?}");
        let days = facts.no_longer_listed_on.duration_since(facts.unreachable_since).as_hours() / 24;
        assert_eq!(days, 2, "unreferenced at once, gone two days later: {facts:?}");
        town.assert_nowhere(&markers, "once the store deletes");
        assert_eq!(town.everything(), expected);
        assert!(!town.store().list("notes").unwrap().0.iter().any(|l| l.key == Key::Note(note)));
    }
}

#[test]
fn what_somebody_else_deleted_is_not_called_deleted() {
    let (town, _) = small_town_with_secret();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    town.faults.restart(Plan::always(Fault::RefuseDelete));
    for name in in_vain(&town, approval).purged.still_listed {
        let path = object_store::path::Path::from(Key::Pack(name).to_string());
        town.runtime.block_on(town.memory.delete(&path)).unwrap();
    }
    town.faults.restart(Plan::none());
    assert_eq!(town.apply_now(approval).unwrap().stage, Stage::Done);
    let found = certificate::read(&town.open(), approval).unwrap();
    assert_eq!(found.facts().unwrap().deleted_on, None);
    assert!(!found.text.contains("objects deleted"), "{}", found.text);
}

#[test]
fn names_that_the_store_keeps_are_told_and_tried_again() {
    for fault in [Fault::RefuseDelete, Fault::DeleteInVain] {
        let (town, _) = small_town_with_secret();
        let (approval, note) = town.approve(&town.plan(&[SECRET]));
        let calls = town.fork();
        calls.apply_now(approval).unwrap();
        let at = calls.faults.record().iter().position(|c| c.starts_with("delete notes")).unwrap();
        town.faults.restart(Plan::at(at, fault));
        let report = town.apply_now(approval).unwrap();
        assert_eq!((report.stage.clone(), report.exit()), (Stage::Done, Exit::Incomplete), "{report:?}");
        assert!(report.names_left);
        let there = || town.store().list("notes").unwrap().0.iter().any(|l| l.key == Key::Note(note));
        assert!(there());
        town.faults.restart(Plan::none());
        assert_eq!(town.apply_now(approval).unwrap().exit(), Exit::Done);
        assert!(!there());
    }
}
