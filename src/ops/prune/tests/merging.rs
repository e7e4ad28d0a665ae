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

/// Index objects of one pack each, from small to large, of which the first describes a pack that is swept.
fn four_indexes() -> Council {
    let c = Council::new();
    for night in 0..4u8 {
        let many = (0..usize::from(night) * 20).map(|n| format!("{night} {n} "));
        many.for_each(|line| c.write(&format!("{line}.txt"), &line));
        c.write("a.bin", Council::noise(night, 30_000));
        c.backup();
    }
    thin_to_last(&c);
    let grace = SignedDuration::ZERO;
    let options = PruneOptions { grace, person: true, repack: false, ..PruneOptions::default() };
    assert!(c.try_prune(&options).unwrap().swept.packs > 0);
    c
}

/// The packs that each living index object describes, and its size; those told of last come last.
fn living(c: &Council) -> Vec<(Vec<u32>, u64)> {
    let repo = c.open();
    let live = repo.state().indexes.iter().filter(|i| matches!(i.life, Life::Live));
    live.map(|i| (i.covers.iter().collect(), i.index.size)).collect()
}

#[test]
fn what_is_many_or_large_is_so_from_the_edge_on() {
    let start = four_indexes();
    let before = living(&start);
    let sizes: Vec<u64> = before.iter().map(|(_, size)| *size).collect();
    assert!(sizes.len() >= 3 && sizes.is_sorted_by(|a, b| a < b), "{sizes:?}");
    let (count, largest) = (sizes.len(), *sizes.last().unwrap());
    let all = u64::MAX;
    // Above, large, and so many are merged.
    let cases = [
        (count, all, 0),
        (count - 1, all, count),
        (0, largest, count - 1),
        (0, largest + 1, count),
        (0, sizes[1], 0),
        (0, sizes[1] + 1, 2),
    ];
    for (above, large, merged) in cases {
        let c = start.fork();
        let kept = c.everything();
        let limits = merge::Limits { above, large, full: usize::MAX };
        let done = merge::merge_within(&mut c.open(), &limits, &Stop::default()).unwrap();
        assert_eq!(done as usize, merged, "{above} {large}");
        let (state, after) = (c.open(), living(&c));
        assert_eq!(after.len(), count + usize::from(merged > 0));
        let alive = |n: &u32| !matches!(state.state().packs[*n as usize].life, Life::Swept { .. });
        let mut covered: Vec<u32> =
            before.iter().take(merged).flat_map(|(packs, _)| packs.clone()).filter(alive).collect();
        covered.sort();
        covered.dedup();
        assert!(merged == 0 || after.last().unwrap().0 == covered, "all that lives of theirs: {covered:?}, {after:?}");
        assert!(state.state().open_sessions.is_empty());
        assert_eq!(c.everything(), kept);
    }
    assert!(
        before
            .iter()
            .flat_map(|(packs, _)| packs)
            .any(|n| { matches!(start.open().state().packs[*n as usize].life, Life::Swept { .. }) })
    );
    let stop = Stop::default();
    stop.set();
    let limits = merge::Limits { above: 0, large: all, full: usize::MAX };
    assert!(merge::merge_within(&mut start.open(), &limits, &stop).is_err());
    assert_eq!(living(&start), before, "who is stopped says nothing");
}

#[test]
fn a_merged_index_ends_before_it_is_larger_than_readers_take() {
    let start = four_indexes();
    let repo = start.open();
    let alive =
        (0..repo.state().packs.len() as u32).filter(|n| matches!(repo.state().packs[*n as usize].life, Life::Live));
    let (alive, mut lens): (Vec<u32>, Vec<usize>) = (alive.collect(), vec![]);
    repo.for_each_pack(&alive.iter().copied().collect(), |_, pack| {
        lens.push(crate::repo::listing::encode(pack)?.len());
        Ok::<_, RepoError>(())
    })
    .unwrap();
    assert!(lens.len() >= 4, "{lens:?}");
    let (all, two) = (lens.iter().sum::<usize>(), lens[0] + lens[1]);
    for full in [all, all - 1, two, two - 1, lens[2] + lens[3], 0] {
        let c = start.fork();
        let (kept, before) = (c.everything(), living(&c).len());
        let limits = merge::Limits { above: 0, large: u64::MAX, full };
        merge::merge_within(&mut c.open(), &limits, &Stop::default()).unwrap();
        let new: Vec<Vec<u32>> = living(&c)[before..].iter().map(|(packs, _)| packs.clone()).collect();
        let len = |n: &u32| lens[alive.iter().position(|a| a == n).unwrap()];
        let sizes: Vec<usize> = new.iter().map(|packs| packs.iter().map(len).sum()).collect();
        assert!(new.iter().zip(&sizes).all(|(packs, size)| packs.len() == 1 || *size <= full), "{full}: {sizes:?}");
        let next = new.iter().skip(1).map(|packs| len(&packs[0]));
        assert!(sizes.iter().zip(next).all(|(size, next)| size + next > full), "each is filled: {full}: {sizes:?}");
        let mut covered = new.concat();
        covered.sort();
        assert_eq!(covered, alive, "each once");
        // The old ones go, and everything is still found.
        assert!(c.prune().condemned.indexes as usize >= before);
        std::fs::remove_dir_all(c.dir().file("cache")).unwrap();
        assert_eq!(c.everything(), kept);
    }
}
