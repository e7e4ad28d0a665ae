//! Small objects that everything hangs on: key files, the index, the log. Each is flipped, cut and lost.

mod told;

use super::fixture::Council;
use super::*;
use crate::domain::log::state::State;
use crate::ops::fs::place::Owner;
use crate::ops::query::{View, Which};
use crate::ops::recover::{RecoverOptions, RecoverReport, recover};
use crate::ops::restore::{RestoreOptions, plan};
use crate::ops::roster::rotate;
use crate::ops::{Silent, Stop};

fn council() -> Council {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    c.write("site.bin", Council::noise(3, 700_000));
    c.backup();
    c
}

fn bundle(state: &State, name: &str) -> Object {
    let holder = state.keyholders.iter().find(|k| k.name == name).unwrap();
    Object::Bundle(holder.id, state.epoch().number)
}

fn checked(c: &Council) -> VerifyReport {
    check(&mut c.open(), true, &Silent, &Stop::default()).unwrap()
}

fn looked(c: &Council) -> VerifyReport {
    look(&mut c.open(), true, &Silent, &Stop::default()).unwrap()
}

/// Without a copy of anything: as another computer, or as before this was kept.
fn forget(c: &Council) {
    for folder in ["bundles", "cache"] {
        let _ = std::fs::remove_dir_all(c.dir().file(folder));
    }
}

fn index(c: &Council) -> Object {
    Object::Index(c.open().state().indexes[0].index.name)
}

#[allow(clippy::ptr_arg, reason = "one of several ways to damage, of which another makes it shorter")]
fn flip(bytes: &mut Vec<u8>) {
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
}

fn cut(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len() / 2);
}

/// On a bare computer.
fn recovered(c: &Council) -> Result<RecoverReport, OpsError> {
    let to = c.tmp.path().join("back");
    let options = RecoverOptions { to, owner: Owner::Recorded, connections: 2, enrol: None };
    recover(c.store(), &c.sheet.0, c.sheet.1, c.env.clone(), &options, &Silent, &Stop::default())
}

fn is_all_back(c: &Council) -> bool {
    let back = |name: &str| std::fs::read(c.tmp.path().join("back/Documents").join(name)).unwrap_or_default();
    let there = |name: &str| std::fs::read(c.docs().join(name)).unwrap();
    ["minutes.txt", "site.bin"].iter().all(|name| back(name) == there(name))
}

#[test]
fn a_damaged_key_file_is_told_by_every_check_and_put_back_by_the_next_run() {
    for how in [flip, cut] {
        let c = council();
        let sheet = bundle(c.open().state(), "recovery sheet");
        let whole = c.store().get(&sheet.key()).unwrap();
        c.damage(sheet, how);
        let wrong = "the key file of 'recovery sheet' in the store is damaged: that key may open nothing any more";
        for _ in 0..2 {
            let report = checked(&c);
            assert_eq!((report.exit(), report.failed.len(), report.failed[0].object), (Exit::Damage, 1, Some(sheet)));
            let advice = ". This computer has a copy of it, and puts it back with: strongroom run";
            assert_eq!(report.failed[0].what, format!("{wrong}{advice}"));
        }
        let report = scrub(&mut c.open(), &Budget::default(), &Silent, &Stop::default()).unwrap();
        assert_eq!(report.failed.iter().map(|d| d.object).collect::<Vec<_>>(), [Some(sheet)]);
        let report = looked(&c);
        assert_eq!(report.failed[0].what, format!("{wrong}; this computer's copy was put back"));
        assert_eq!((report.exit(), looked(&c).exit()), (Exit::Damage, Exit::Done), "told once");
        assert!(c.store().get(&sheet.key()).unwrap() == whole);
        recovered(&c).unwrap();
        assert!(is_all_back(&c));
    }
}

#[test]
fn every_bit_of_a_key_file_counts() {
    let c = council();
    let sheet = bundle(c.open().state(), "recovery sheet");
    let len = c.store().get(&sheet.key()).unwrap().len();
    let mut told = 0;
    for at in (0..len).step_by(7) {
        c.damage(sheet, |bytes| bytes[at] ^= 1);
        assert_eq!(checked(&c).failed.len(), 1, "byte {at}");
        match recovered(&c) {
            // What is sealed to the key itself is damaged: nobody can tell it from another's.
            Err(OpsError::Repo(RepoError::WrongKey)) => {}
            Err(OpsError::Repo(RepoError::BundleDamaged(place))) => {
                assert_eq!(place, sheet.to_string());
                told += 1;
            }
            other => panic!("byte {at}: {other:?}"),
        }
        c.damage(sheet, |bytes| bytes[at] ^= 1);
    }
    assert!(told * 7 > len / 2, "{told} of {len}");
}

#[test]
fn the_log_says_to_other_computers_what_key_files_are_and_new_ones_heal() {
    let c = council();
    assert_eq!(c.open().state().bundles_untold().count(), 2, "nobody has said it yet");
    restore(&mut c.open(), &TestOptions::default(), &Silent, &Stop::default()).unwrap();
    assert_eq!(c.open().state().bundles_untold().count(), 0, "a test restore does");
    let entries = |c: &Council| c.open().state().bundles.len();
    restore(&mut c.open(), &TestOptions::default(), &Silent, &Stop::default()).unwrap();
    assert_eq!(entries(&c), 2, "once");
    let own = bundle(c.open().state(), "office server");
    c.damage(own, flip);
    forget(&c);
    let what = &checked(&c).failed[0].what;
    assert!(what.contains("'office server'") && what.contains("strongroom key rotate"), "{what}");
    assert!(looked(&c).failed[0].what.contains("has no copy"));
    let mut root = Repository::open_with_identity(c.store(), &c.sheet.0, c.sheet.1, c.env.clone()).unwrap();
    let epoch = rotate(&mut root, &c.sheet.0).unwrap();
    assert_eq!((epoch, root.state().bundles_untold().count()), (2, 0), "it says what it made");
    assert_eq!((checked(&c).exit(), checked(&c).untold), (Exit::Done, 0));
    let own = bundle(c.open().state(), "office server");
    c.damage(own, flip);
    forget(&c);
    assert_eq!(checked(&c).failed.len(), 1);
}

#[test]
fn of_a_key_file_that_nobody_knows_no_more_is_said_than_is_known() {
    let c = council();
    forget(&c);
    let report = checked(&c);
    assert_eq!((report.exit(), report.untold), (Exit::Done, 1), "the sheet's; its own it opens");
    assert_eq!(checked(&c).untold, 1, "to have read it proves nothing");
    forget(&c);
    c.damage(bundle(c.open().state(), "recovery sheet"), |bytes| bytes[3] ^= 1);
    assert_eq!(checked(&c).failed.len(), 1, "it is not even an age file");
    let c = council();
    forget(&c);
    c.damage(bundle(c.open().state(), "office server"), flip);
    assert_eq!(checked(&c).failed.len(), 1, "its own does not open");
}

#[test]
fn a_rotten_key_file_never_becomes_the_truth_and_a_drill_says_what_is() {
    let c = council();
    forget(&c);
    let sheet = bundle(c.open().state(), "recovery sheet");
    let whole = c.store().get(&sheet.key()).unwrap();
    // Inside what is sealed: it looks like a key file still.
    let rot = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    c.damage(sheet, rot);
    for _ in 0..2 {
        let report = looked(&c);
        assert_eq!((report.exit(), report.untold), (Exit::Done, 1), "not checked, each time");
        restore(&mut c.open(), &TestOptions::default(), &Silent, &Stop::default()).unwrap();
    }
    assert!(recovered(&c).is_err(), "it is rotten");
    assert_eq!(c.open().state().bundles_untold().count(), 1, "nobody signed for it");
    // A person brings the store's old version back.
    c.damage(sheet, rot);
    assert_eq!((looked(&c).exit(), looked(&c).untold), (Exit::Done, 1));
    assert!(c.store().get(&sheet.key()).unwrap() == whole, "nothing was put over it");
    let mut root = Repository::open_with_identity(c.store(), &c.sheet.0, c.sheet.1, c.env.clone()).unwrap();
    let found = crate::ops::proof::drill_key(&mut root, &Silent, &Stop::default()).unwrap();
    crate::ops::proof::note(Some(&mut root), &found.drilled).unwrap().unwrap();
    assert!(root.state().proofs.keys[&root.ring.keyholder].root, "the root key signed it");
    assert_eq!((looked(&c).exit(), looked(&c).untold), (Exit::Done, 0), "the drill proved it");
    // Said by a drill elsewhere: what differs is told, and nothing goes over it.
    c.damage(sheet, rot);
    let report = looked(&c);
    assert!(report.exit() == Exit::Damage && report.failed[0].what.contains("has no copy"), "{report:?}");
    c.damage(sheet, rot);
    c.open().keep_opened(&root);
    c.damage(sheet, rot);
    assert!(looked(&c).failed[0].what.ends_with("copy was put back"));
    assert!(c.store().get(&sheet.key()).unwrap() == whole);
}

#[test]
fn a_machine_that_may_only_write_sees_it_too() {
    let c = Council::write_only();
    c.write("a.txt", "minutes");
    c.backup();
    c.damage(bundle(c.open().state(), "recovery sheet"), flip);
    assert_eq!(checked(&c).failed.len(), 1);
    assert_eq!((looked(&c).exit(), checked(&c).exit()), (Exit::Damage, Exit::Done));
}

#[test]
fn a_rotten_index_is_met_by_every_run_and_put_back() {
    let c = council();
    let index = index(&c);
    restore(&mut c.open(), &TestOptions::default(), &Silent, &Stop::default()).unwrap();
    c.damage(index, flip);
    assert_eq!(checked(&c).exit(), Exit::Done, "its size is right");
    let report = looked(&c);
    assert_eq!(report.failed.iter().map(|d| d.object).collect::<Vec<_>>(), [Some(index)]);
    assert!(report.failed[0].what.ends_with("; this computer's copy was put back"), "{report:?}");
    assert_eq!(looked(&c).exit(), Exit::Done);
    c.lose(index);
    assert!(looked(&c).failed[0].what.contains("missing from the store; this computer's copy was put back"));
    assert_eq!(looked(&c).exit(), Exit::Done);
}

#[test]
fn without_index_and_cache_everything_comes_back_from_what_the_packs_say() {
    for lost in [true, false] {
        let c = council();
        let index = index(&c);
        if lost {
            c.lose(index)
        } else {
            c.damage(index, flip)
        }
        let report = recovered(&c).unwrap();
        assert!(is_all_back(&c));
        let said: Vec<&str> = report.restored.problems.iter().map(|p| p.detail.as_str()).collect();
        assert_eq!(said, [format!("{index} is damaged or missing: what it said was read from the packs themselves")]);
        assert_eq!(report.restored.exit(), Exit::Damage);
        forget(&c);
        // Not even this computer's own work stands still.
        c.write("minutes.txt", "resolved again");
        c.backup();
        forget(&c);
        let all = TestOptions { all: true, ..TestOptions::default() };
        let report = restore(&mut c.open(), &all, &Silent, &Stop::default()).unwrap();
        assert_eq!(report.failed.iter().map(|d| d.object).collect::<Vec<_>>(), [Some(index)]);
        assert_eq!(report.examined.documents, 3);
        forget(&c);
        let mut told = looked(&c);
        told.failed.retain(|d| d.object == Some(index));
        assert_eq!(told.failed.len(), 1);
    }
}

#[test]
fn with_the_index_a_pack_may_be_lost_too_and_the_rest_comes_back() {
    let c = council();
    c.write("other.bin", Council::noise(9, 300_000));
    c.backup();
    let (_, pack) = c.pack_of("Documents/other.bin");
    let last = Object::Index(c.open().state().indexes.last().unwrap().index.name);
    forget(&c);
    c.lose(last);
    c.damage(pack, flip);
    let report = recovered(&c).unwrap();
    assert!(is_all_back(&c));
    assert_eq!(report.restored.damaged.iter().map(ToString::to_string).collect::<Vec<_>>(), ["Documents/other.bin"]);
}

#[test]
fn where_the_preferred_pack_is_rotten_another_with_the_same_is_asked() {
    let c = council();
    let all = TestOptions { all: true, ..TestOptions::default() };
    let test = || restore(&mut c.open(), &all, &Silent, &Stop::default()).unwrap();
    let (number, first) = c.pack_of("Documents/site.bin");
    c.damage(first, flip);
    assert_eq!(test().exit(), Exit::Damage);
    c.write("site.bin", Council::noise(3, 700_000));
    c.backup();
    // The first is whole after all, is tested, and then a writer calls it damaged.
    c.damage(first, flip);
    assert_eq!(test().exit(), Exit::Done);
    let packs = [number].into_iter().collect();
    let lie = crate::domain::log::entry::Entry::Quarantined { packs, indexes: vec![] };
    c.open().append(|_| Ok(Some(lie.clone()))).unwrap().unwrap();
    let (_, second) = c.pack_of("Documents/site.bin");
    assert_ne!(first, second, "it was stored again, and that is preferred");
    for damaged in [flip, cut] {
        let _ = std::fs::remove_dir_all(c.tmp.path().join("back"));
        c.damage(second, damaged);
        let report = recovered(&c).unwrap();
        assert!(is_all_back(&c));
        assert!(report.restored.damaged.is_empty(), "{:?}", report.restored.damaged);
        let said: Vec<&str> = report.restored.problems.iter().map(|p| p.detail.as_str()).collect();
        assert!(said.len() == 1 && said[0].starts_with(&format!("{second} is damaged (")), "{said:?}");
        assert_eq!(report.restored.exit(), Exit::Damage);
        let report = test();
        assert_eq!(report.failed.iter().map(|d| d.object).collect::<Vec<_>>(), [Some(second)]);
    }
    c.damage(first, flip);
    std::fs::remove_dir_all(c.tmp.path().join("back")).unwrap();
    // Both are rotten; what else lies in the first is hit, too.
    let damaged = recovered(&c).unwrap().restored.damaged;
    assert!(damaged.iter().any(|path| path.to_string() == "Documents/site.bin"), "{damaged:?}");
}

#[test]
fn a_flipped_entry_of_the_log_is_found_by_scrub() {
    let c = council();
    c.backup();
    // A cached log hides it from everything else.
    let mut repo = Repository::open(c.store(), c.dir(), c.env.clone()).unwrap();
    c.damage(Object::Entry(1), flip);
    let report = scrub(&mut repo, &Budget::default(), &Silent, &Stop::default()).unwrap();
    assert_eq!(report.failed.iter().map(|d| d.object).collect::<Vec<_>>(), [Some(Object::Entry(1))]);
}
