//! Dying at every call to the store while many index objects become one, and going on.

use super::*;

/// More index objects than are left alone, of which some describe packs that nothing needs any more.
fn many_indexes() -> Council {
    let c = Council::new();
    for night in 0..=merge::MERGE_ABOVE as u8 {
        c.write("minutes.txt", format!("night {night}"));
        c.write(&format!("deleted-{}.txt", night % 4), format!("night {night}"));
        c.backup();
        std::fs::remove_file(c.docs().join(format!("deleted-{}.txt", night % 4))).unwrap();
    }
    let mut repo = c.open();
    let (rule, person) = (KeepRule { last: 3, ..LAST }, circumstances(&repo, GRACE, false));
    thin(&mut repo, &rule, &TimeZone::UTC, &person, false).unwrap();
    assert!(c.indexes().len() > merge::MERGE_ABOVE);
    c
}

impl Council {
    fn indexes(&self) -> Vec<String> {
        self.objects().into_iter().filter(|o| o.starts_with("index/")).collect()
    }

    /// Everything in the store; nothing in it is ever changed.
    fn names(&self) -> Vec<Key> {
        let folders = ["log", "keys", "index", "packs"].iter();
        let mut names: Vec<Key> = folders.flat_map(|f| self.store().list(f).unwrap().0).map(|l| l.key).collect();
        names.sort_by_key(Key::to_string);
        names
    }

    /// Night after night until nothing is left to do.
    fn prune_for_weeks(&self) {
        let idle = |c: &Council| {
            c.clock.advance_days(15);
            c.prune() == PruneReport::default()
        };
        assert!((0..6).any(|_| idle(self)), "it never ends");
    }
}

#[test]
fn every_crash_point_of_merging_leads_to_the_same_end() {
    let start = many_indexes();
    let kept = start.everything();
    assert_eq!(kept.len(), 3);
    let reference = start.fork();
    let (calls, merged) = {
        reference.faults.restart(Plan::none());
        let report = reference.prune();
        assert!(report.condemned.indexes == report.merged && report.condemned.packs > 0, "{report:?}");
        (reference.faults.record(), report.merged)
    };
    assert_eq!(merged as usize, merge::MERGE_ABOVE + 1);
    for part in ["create index/", "create log/", "list index"] {
        assert!(calls.iter().any(|call| call.starts_with(part)), "{part}: {calls:?}");
    }
    reference.prune_for_weeks();
    assert_eq!(reference.indexes().len(), 1);
    let objects = reference.objects().len();
    let untouched = start.names();
    let (mut points, mut died, mut changed) = (0, 0, 0);
    for (call, name) in calls.iter().enumerate() {
        for fault in [Fault::StopBefore, Fault::StopAfter, Fault::FailBefore, Fault::FailAfter] {
            let c = start.fork();
            c.faults.restart(Plan::at(call, fault));
            died += usize::from(c.try_prune(&PruneOptions::default()).is_err());
            points += c.faults.injected().len();
            c.faults.restart(Plan::none());
            let what = format!("{fault:?} at call {call}, {name}");
            if c.names() == untouched {
                continue; // it is where it began
            }
            changed += 1;
            assert_eq!(c.everything(), kept, "{what}");
            let again = c.prune();
            assert!(again.held_back.is_none() && again.deleted == 0, "{what}: {again:?}");
            c.prune_for_weeks();
            assert_eq!((c.indexes().len(), c.objects().len()), (1, objects), "{what}");
            std::fs::remove_dir_all(c.dir().file("cache")).unwrap();
            assert_eq!(c.everything(), kept, "{what}");
            assert!(c.open().state().voids.is_empty(), "{what}");
        }
    }
    println!("{points} crash points of merging over {} calls, {died} deadly, {changed} half-way", calls.len());
    assert!(points == 4 * calls.len() && died >= points / 2, "most of these must hurt: {died} of {points}");
    assert!(changed >= 4 * 3, "a new index, its entry, the end of the old ones: {changed}");
}
