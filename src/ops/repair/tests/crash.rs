//! Dying at every call to the store, before and after it takes effect, and going on; and others who write meanwhile.

use super::*;
use crate::testing::{Fault, Plan};

/// A document that is here, one that is not, an index that is gone from store and computer.
fn broken() -> Council {
    let c = council();
    let (_, pack) = c.pack_of("Documents/deleted.bin");
    let index = c.open().state().indexes[1].index.name;
    c.damage(pack, flip);
    c.lose(Object::Index(index));
    c.forget_everything();
    c
}

#[test]
fn every_crash_point_leads_to_the_same_end() {
    let start = broken();
    let before = start.objects();
    let reference = start.fork();
    reference.faults.restart(Plan::none());
    let lost = named(&reference.try_repair().unwrap().lost);
    let calls = reference.faults.record();
    assert_eq!(lost, ["Documents/changing.bin", "Documents/deleted.bin"]);
    let (mut died, mut points) = (0, 0);
    for (call, name) in calls.iter().enumerate() {
        // Dying between two reads is dying after the write before them.
        let writes = [Fault::StopBefore, Fault::StopAfter, Fault::FailAfter, Fault::AlreadyExists];
        let faults = if name.starts_with("create") { &writes[..] } else { &[Fault::FailBefore][..] };
        for fault in faults.iter().copied().filter(|f| *f != Fault::FailBefore || call % 2 == 0) {
            let c = start.fork();
            c.faults.restart(Plan::at(call, fault));
            died += usize::from(c.try_repair().is_err());
            points += 1;
            c.faults.restart(Plan::none());
            let what = format!("{fault:?} at call {call}");
            let report = c.repair();
            assert_eq!((named(&report.lost), report.left.len()), (lost.clone(), 1), "{what}: {report:?}");
            assert!(before.iter().all(|o| c.objects().contains(o)), "{what}");
            if fault == Fault::StopAfter {
                c.accept(&[]).unwrap();
                c.is_clean();
            }
        }
    }
    println!("{points} points over {} calls, {died} deadly", calls.len());
    assert!(died * 2 > points, "most of these must hurt: {died} of {points}");
}

#[test]
fn a_backup_and_a_prune_between_any_two_steps_do_no_harm() {
    let start = broken();
    let reference = start.fork();
    reference.faults.restart(Plan::none());
    reference.try_repair().unwrap();
    let calls = reference.faults.record();
    let wrote = |call: &usize| calls[*call].starts_with("create");
    for call in (0..calls.len()).filter(wrote) {
        let c = start.fork();
        c.faults.restart(Plan::at(call, Fault::StopAfter));
        let _ = c.try_repair();
        c.faults.restart(Plan::none());
        c.write("meanwhile.txt", format!("{call}"));
        // A missing index stops both until it is made again.
        let _ = c.try_backup();
        let _ = c.try_prune(&crate::ops::prune::PruneOptions::default());
        let report = c.repair();
        assert_eq!(report.lost.len(), 2, "after call {call}: {report:?}");
        c.accept(&[]).unwrap();
        c.is_clean();
    }
}

#[test]
fn a_snapshot_that_comes_while_a_repair_looks_around_is_walked_too() {
    let c = council();
    let (number, pack) = c.pack_of("Documents/deleted.bin");
    c.damage(pack, flip);
    let mut repo = c.open();
    let found = look(&mut repo, true, &Silent, &Stop::default()).unwrap();
    quarantine(&mut repo, &found).unwrap();
    let (salvage, walked) = around(&mut repo, &found, &Silent, &Stop::default()).unwrap();
    let newest = c.backup();
    let before: Vec<bool> = c.open().state().live_snapshots().map(|s| s.snapshot.needs.contains(number)).collect();
    let done = exchange::exchange(&mut repo, &found, &salvage, &walked).unwrap();
    let after: Vec<bool> = c.open().state().live_snapshots().map(|s| s.snapshot.needs.contains(number)).collect();
    assert_eq!((done, &after), (0, &before), "nobody has walked snapshot {newest}");
}
