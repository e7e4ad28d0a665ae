//! What a prune says in the log and in its report, entry by entry.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;

use super::*;
use crate::domain::clock::Clock;
use crate::ops::verify::fixture::{Heard, Progress};
use crate::repo::repository::Env;

/// Nothing is rewritten: only what nobody needs at all goes.
fn options() -> PruneOptions {
    PruneOptions { repack: false, ..PruneOptions::default() }
}

/// What a run reports, the names of the entries it made, and what was heard of it.
fn run(c: &Council, options: &PruneOptions) -> (PruneReport, Vec<&'static str>, Option<Progress>) {
    let mut repo = c.open();
    let (first, heard) = (repo.slots().len(), Heard::and(|_| ()));
    let report = prune(&mut repo, options, &heard, &Stop::default()).unwrap();
    let said = repo.slots()[first..].iter().filter_map(|s| s.body.as_ref()).map(|b| b.entry.name()).collect();
    (report, said, heard.of("deleting"))
}

#[test]
fn what_is_condemned_waits_is_swept_and_deleted_and_each_time_it_is_told() {
    let c = council();
    thin_to_last(&c);
    let dry = PruneOptions { dry_run: true, ..options() };
    let (would, said, _) = run(&c, &dry);
    assert!(would.condemned.packs == 2 && would.condemned.bytes > 1000 && said.is_empty(), "{would:?}");
    let (first, said, deleting) = run(&c, &options());
    assert_eq!((said, deleting), (vec!["condemned"], Some((Some(0), 0))));
    assert_eq!((first.condemned, first.waiting), (would.condemned, would.condemned));
    assert_eq!((first.repacked, first.merged, first.deleted), (0, 0, 0));
    assert_eq!(first.next_sweep, Some(c.clock.now() + GRACE));
    let waits = PruneReport { waiting: first.waiting, next_sweep: first.next_sweep, ..PruneReport::default() };
    for options in [&dry, &options()] {
        assert_eq!(run(&c, options), (waits.clone(), vec![], (!options.dry_run).then_some((Some(0), 0))));
    }
    c.clock.advance(GRACE);
    let (would, said, _) = run(&c, &dry);
    assert_eq!((would.swept, would.waiting, said), (first.condemned, first.waiting, vec![]));
    let (then, said, deleting) = run(&c, &options());
    let count = first.condemned.packs + first.condemned.indexes;
    assert_eq!((then.swept, then.waiting, then.next_sweep), (first.condemned, Amount::default(), None));
    assert_eq!((then.deleted, then.deleted_bytes), (count, first.condemned.bytes));
    assert_eq!((said, deleting), (vec!["swept"], Some((Some(count), count))), "no entry for nothing");
}

#[test]
fn of_all_that_wait_the_first_says_when_the_next_sweep_is() {
    let c = council();
    let stray = |words: &'static str| {
        let bytes = bytes::Bytes::from_static(words.as_bytes());
        c.store().create(&Key::Pack(crate::domain::id::PackName::of(&bytes)), &bytes).unwrap();
        c.store().create(&Key::Index(crate::domain::id::IndexName::of(&bytes)), &bytes).unwrap();
    };
    stray("one");
    c.clock.advance_days(15);
    let would = run(&c, &PruneOptions { dry_run: true, ..options() }).0;
    let (first, said, _) = run(&c, &options());
    assert_eq!(would.condemned, first.condemned);
    assert_eq!((first.condemned.packs, first.condemned.bytes, first.condemned.indexes, said.len()), (1, 0, 1, 1));
    let then = c.clock.now() + GRACE;
    assert_eq!((first.waiting, first.next_sweep), (first.condemned, Some(then)));
    thin_to_last(&c);
    c.clock.advance_days(3);
    let (second, ..) = run(&c, &options());
    assert_eq!((second.condemned.packs, second.waiting.packs, second.next_sweep), (2, 3, Some(then)));
}

#[test]
fn packs_are_rewritten_only_where_that_is_wanted() {
    let c = council();
    thin_to_last(&c);
    let now = PruneOptions { grace: SignedDuration::ZERO, person: true, ..PruneOptions::default() };
    let (report, said, _) = run(&c.fork(), &PruneOptions { repack: false, ..now.clone() });
    assert_eq!((report.repacked, said), (0, vec!["condemned", "swept"]));
    let (report, said, _) = run(&c, &now);
    assert_eq!((report.repacked, said), (2, vec!["stored", "rewritten", "abandoned", "condemned", "swept"]));
}

/// A store with a clock dates an entry of this run; where there is one, no other is made for that.
#[test]
fn an_entry_is_made_for_its_date_only_where_there_is_none() {
    let mut c = council();
    c.own_clock = true;
    thin_to_last(&c);
    let now = PruneOptions { grace: SignedDuration::ZERO, person: true, ..options() };
    assert_eq!(run(&c.fork(), &now).1, ["condemned", "swept"]);
    assert_eq!(run(&c, &options()).1, ["condemned"]);
    assert_eq!(run(&c, &options()).1, [""; 0], "nothing is ripe");
    assert_eq!(run(&c.fork(), &now).1, ["condemned", "swept"], "the first of them condemns nothing");
    let here = c.clock.now();
    c.clock.advance(CLOCK_DOUBT + SignedDuration::from_secs(1));
    c.open().append(|_| Ok(Some(Entry::Restored { snapshot: None, files: 0, bytes: 0 }))).unwrap();
    c.clock.set(here);
    let (report, said, _) = run(&c, &now);
    assert_eq!(said, ["incident", "swept"]);
    assert!(report.deleted > 0 && report.held_back.is_none(), "{report:?}");
}

#[test]
fn who_is_stopped_condemns_nothing() {
    let c = council();
    thin_to_last(&c);
    let (mut repo, objects, stop) = (c.open(), c.objects(), Stop::default());
    let entries = repo.slots().len();
    stop.set();
    let stopped = prune(&mut repo, &options(), &Silent, &stop);
    assert!(matches!(stopped, Err(OpsError::Repo(RepoError::Interrupted))), "{stopped:?}");
    assert_eq!((c.open().slots().len(), c.objects()), (entries, objects));
}

#[test]
fn what_others_said_meanwhile_counts() {
    let c = council();
    let mut early = c.open();
    c.backup();
    let circumstances = circumstances(&early, GRACE, false);
    let report = thin(&mut early, &LAST, &TimeZone::UTC, &circumstances, true).unwrap();
    assert_eq!((report.snapshots.len(), report.thinned().count()), (4, 3));
    let mut early = c.open();
    thin_to_last(&c);
    let dry = PruneOptions { dry_run: true, ..options() };
    assert!(prune(&mut early, &dry, &Silent, &Stop::default()).unwrap().condemned.packs >= 3);
}

/// A clock that stops the run when it was asked so often.
struct Stopping {
    clock: Arc<dyn Clock>,
    stop: Stop,
    left: AtomicU32,
}

impl Clock for Stopping {
    fn now(&self) -> Timestamp {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.stop.set();
        }
        self.clock.now()
    }
}

/// What is swept is gone: a person who stops it before that has not asked for it.
#[test]
fn who_is_stopped_while_it_condemns_sweeps_nothing() {
    let c = council();
    thin_to_last(&c);
    let now = PruneOptions { grace: SignedDuration::ZERO, person: true, ..options() };
    let mut stopped_between = 0;
    for asked in 1..50 {
        let (c, stop) = (c.fork(), Stop::default());
        let clock = Stopping { clock: c.env.clock.clone(), stop: stop.clone(), left: AtomicU32::new(asked) };
        let env = Env { clock: Arc::new(clock), entropy: c.env.entropy.clone() };
        let mut repo = Repository::open_fresh(c.store(), c.dir(), env).unwrap();
        let first = repo.slots().len();
        let ended = prune(&mut repo, &now, &Silent, &stop);
        let said: Vec<_> =
            repo.slots()[first..].iter().filter_map(|s| s.body.as_ref()).map(|b| b.entry.name()).collect();
        if !stop.is_set() {
            assert_eq!(said, ["condemned", "swept"]);
            break;
        }
        stopped_between += u32::from(ended.is_err() && said == ["condemned"]);
    }
    assert!(stopped_between > 0, "the clock was never asked for the date of what is condemned");
}
