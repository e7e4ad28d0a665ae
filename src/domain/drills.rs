//! When drills are due: of a part, of everything, and of each holder's key. Pure.
//!
//! A repository that is young, and a key that was given lately, has the whole time first. A drill that failed does not
//! count. A date from the future tells of a wrong clock, not of a drill.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::domain::log::state::State;

/// Later than this from now is the future.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_hours(24);

/// How often each is wanted; `None` for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every {
    /// Of a part: a sample, or some sets.
    pub sample: Option<SignedDuration>,
    /// Of everything.
    pub whole: Option<SignedDuration>,
    /// Of each holder's key.
    pub key: Option<SignedDuration>,
}

/// What is to be drilled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drill {
    /// A part.
    Sample,
    /// Everything.
    Whole,
    /// The key of this holder.
    Key(String),
}

/// One drill's date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// Of what.
    pub drill: Drill,
    /// How often it is wanted.
    pub every: SignedDuration,
    /// When it was last done.
    pub last: Option<Timestamp>,
    /// Until when it should be done again.
    pub until: Timestamp,
    /// That is past.
    pub overdue: bool,
}

/// Every drill that is wanted; none before the first backup.
pub fn due(state: &State, every: &Every, now: Timestamp) -> Vec<Due> {
    let Some(first) = state.snapshots.iter().map(|s| s.time).min() else { return vec![] };
    let one = |drill: Drill, every: Option<SignedDuration>, last: Option<Timestamp>, from: Timestamp| {
        let every = every?;
        let last = last.filter(|at| at.duration_since(now) <= CLOCK_SLACK);
        // A beginning that lies in the future is as good as none.
        let from = last.unwrap_or(if from.duration_since(now) <= CLOCK_SLACK { from } else { Timestamp::UNIX_EPOCH });
        let until = from.checked_add(every).unwrap_or(Timestamp::MAX);
        Some(Due { drill, every, last, until, overdue: now > until })
    };
    let proofs = &state.proofs;
    let parts = [
        one(Drill::Sample, every.sample, proofs.drilled, first),
        one(Drill::Whole, every.whole, proofs.drilled_whole, first),
    ];
    let keys = state.keyholders.iter().map(|holder| {
        let last = proofs.keys.get(&holder.id).map(|p| p.at);
        let given = proofs.held_since.get(&holder.id).copied().unwrap_or(first).max(first);
        one(Drill::Key(holder.name.clone()), every.key, last, given)
    });
    parts.into_iter().chain(keys).flatten().collect()
}

/// Those that are overdue and to be asked for: a drill of everything is one of a part, too, so one asks for both.
pub fn to_ask_for(due: &[Due]) -> Vec<&Due> {
    let mut overdue: Vec<&Due> = due.iter().filter(|d| d.overdue).collect();
    if overdue.iter().any(|d| d.drill == Drill::Whole) {
        overdue.retain(|d| d.drill != Drill::Sample);
    }
    overdue
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{KeyholderId, SnapshotId};
    use crate::domain::log::entry::{Actor, Drilled, Entry, Keyholder, Role, Tested};
    use crate::domain::log::proofs::KeyDrilled;
    use crate::domain::log::tests::{ROOT, TESTER, WRITER, World, actor, bits, snapshot, stored};

    const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
    const EVERY: Every =
        Every { sample: Some(WEEK), whole: Some(WEEK.saturating_mul(4)), key: Some(WEEK.saturating_mul(2)) };

    fn day(n: i64) -> Timestamp {
        Timestamp::from_second(n * 86_400).unwrap()
    }

    fn say(world: &mut World, by: u8, on: i64, entry: Entry) {
        let body = world.body(by, entry);
        world.slot(Some(crate::domain::log::Body { time: day(on), ..body }));
        assert_eq!(world.void(), None);
    }

    fn holder(n: u8) -> KeyholderId {
        KeyholderId::new([n; 32])
    }

    fn added(n: u8, name: &str) -> Entry {
        Entry::KeyholderAdded(
            Keyholder { id: holder(n), name: name.into(), recipient: String::new(), reads: true }.into(),
        )
    }

    fn drilled(whole: bool, failed: u64) -> Entry {
        Entry::Drilled(Drilled {
            snapshots: vec![SnapshotId(2)],
            whole,
            files: 3,
            bytes: 9,
            stored: 9,
            seconds: 1,
            failed,
            keyholder: holder(1),
            sampled: !whole,
        })
    }

    fn key(n: u8, failed: u64) -> Entry {
        let (snapshot, root) = (Some(SnapshotId(2)), false);
        Entry::KeyDrilled(KeyDrilled {
            keyholder: holder(n),
            epoch: 1,
            root,
            snapshot,
            documents: 1,
            bytes: 1,
            failed,
            bundle: None,
        })
    }

    fn begun() -> World {
        let mut world = World::new();
        say(&mut world, WRITER, 10, stored(&[1], 1));
        say(&mut world, WRITER, 10, snapshot("documents", &[0], None));
        world
    }

    fn overdue(world: &World, on: i64) -> Vec<Drill> {
        let all = due(&world.state(), &EVERY, day(on));
        all.into_iter().filter(|d| d.overdue).map(|d| d.drill).collect()
    }

    #[test]
    fn a_young_repository_and_a_new_key_have_the_whole_time_first() {
        assert!(due(&World::new().state(), &EVERY, day(5000)).is_empty(), "no backup, no drill");
        let mut world = begun();
        assert_eq!(overdue(&world, 17), [], "to the day");
        assert_eq!(overdue(&world, 18), [Drill::Sample]);
        say(&mut world, ROOT, 30, added(9, "deputy"));
        assert_eq!(overdue(&world, 39), [Drill::Sample, Drill::Whole]);
        assert_eq!(overdue(&world, 45), [Drill::Sample, Drill::Whole, Drill::Key("deputy".into())]);
        let never = Every { sample: None, whole: None, key: None };
        assert!(due(&world.state(), &never, day(5000)).is_empty());
    }

    #[test]
    fn a_part_counts_for_a_part_everything_for_both_and_a_failed_one_for_nothing() {
        let mut world = begun();
        say(&mut world, TESTER, 40, drilled(false, 0));
        assert_eq!(overdue(&world, 41), [Drill::Whole]);
        say(&mut world, TESTER, 60, drilled(true, 1));
        assert_eq!(overdue(&world, 61), [Drill::Sample, Drill::Whole], "a failed one is none");
        say(&mut world, TESTER, 62, drilled(true, 0));
        assert_eq!(overdue(&world, 69), []);
        say(&mut world, TESTER, 70, drilled(false, 2));
        assert_eq!(overdue(&world, 71), [Drill::Sample], "nor does it take anything away");
    }

    #[test]
    fn a_key_is_shown_by_what_came_back_with_it() {
        let mut world = begun();
        say(&mut world, ROOT, 10, added(1, "office server"));
        say(&mut world, ROOT, 10, added(9, "recovery sheet"));
        let keys = |world: &World, on| overdue(world, on).into_iter().filter(|d| matches!(d, Drill::Key(_))).count();
        assert_eq!(keys(&world, 25), 2);
        say(&mut world, TESTER, 25, key(9, 1));
        assert_eq!(keys(&world, 26), 2, "a drill that failed");
        say(&mut world, TESTER, 26, key(9, 0));
        let tested = |documents, failed| Tested {
            snapshot: None,
            packs: bits(&[0]),
            documents,
            bytes: 1,
            failed,
            complete: false,
            keyholder: holder(1),
            bundles: vec![],
        };
        say(&mut world, TESTER, 26, Entry::Tested(tested(0, 0)));
        say(&mut world, TESTER, 26, Entry::Tested(tested(3, 1)));
        assert_eq!(overdue(&world, 27), [Drill::Sample, Drill::Key("office server".into())]);
        say(&mut world, TESTER, 27, Entry::Tested(tested(3, 0)));
        assert_eq!(keys(&world, 28), 0, "the nightly test brings documents back with it");
        let all = due(&world.state(), &EVERY, day(28));
        assert_eq!(all.iter().filter_map(|d| d.last).collect::<Vec<_>>(), [day(27), day(26)]);
        assert_eq!(all.last().map(|d| d.until), Some(day(40)));
        assert_eq!(keys(&world, 45), 2);
    }

    #[test]
    fn nobody_proves_the_key_of_another_by_saying_so() {
        let mut world = begun();
        say(&mut world, ROOT, 10, added(9, "recovery sheet"));
        let keys = |world: &World| overdue(world, 27).into_iter().filter(|d| matches!(d, Drill::Key(_))).count();
        let drilled = |change: fn(&mut KeyDrilled)| {
            let Entry::KeyDrilled(mut drilled) = key(9, 0) else { unreachable!() };
            change(&mut drilled);
            Entry::KeyDrilled(drilled)
        };
        let lies: [fn(&mut KeyDrilled); 5] = [
            |d| d.documents = 0,
            |d| (d.documents, d.snapshot) = (0, None),
            |d| d.epoch = u32::MAX,
            |d| d.epoch = 2,
            |d| d.keyholder = holder(8),
        ];
        say(&mut world, WRITER, 26, drilled(|_| {}));
        assert!(
            !world.state().proofs.keys.contains_key(&holder(9)),
            "a computer that only writes shows no key but its own"
        );
        for (n, lie) in lies.into_iter().enumerate() {
            say(&mut world, TESTER, 26, drilled(lie));
            let proofs = world.state().proofs;
            let shown = proofs.keys.keys().any(|k| *k != holder(1));
            assert!(!shown && proofs.key_drills.is_empty(), "lie {n}: {proofs:?}");
        }
        let tested = Tested {
            snapshot: None,
            packs: bits(&[0]),
            documents: 1,
            bytes: 1,
            failed: 0,
            complete: false,
            keyholder: holder(9),
            bundles: vec![],
        };
        say(&mut world, TESTER, 26, Entry::Tested(tested));
        assert_eq!(keys(&world), 1, "a test shows the tester's own key");
        say(&mut world, TESTER, 26, drilled(|d| d.root = true));
        assert!(!world.state().proofs.keys[&holder(9)].root, "the root key did not sign it");
        say(&mut world, ROOT, 26, drilled(|d| d.root = true));
        assert!(world.state().proofs.keys[&holder(9)].root);
        say(&mut world, TESTER, 40, drilled(|d| d.root = true));
        assert_eq!(world.state().proofs.keys[&holder(9)].at, day(26), "nobody else renews it");
        say(&mut world, ROOT, 41, key(9, 1));
        assert!(!world.state().proofs.keys.contains_key(&holder(9)), "what fails later takes it back");
        say(&mut world, ROOT, 42, drilled(|d| d.root = true));
        say(&mut world, ROOT, 43, Entry::KeyholderRemoved { keyholder: holder(9) });
        assert!(!world.state().proofs.keys.contains_key(&holder(9)), "a key that was taken away shows nothing");
    }

    #[test]
    fn what_a_key_file_is_says_the_root_key_before_a_drill_and_a_drill_before_a_tester() {
        use crate::domain::log::bundles::{KeyholderAdded, StoredBundle};
        let mut world = begun();
        let file = |n: u8, what: &str| StoredBundle::of(holder(n), what.as_bytes());
        let is = |world: &World, n| world.state().bundle(&holder(n)).map(|told| told.bundle);
        let drill = |n: u8, what: &str| {
            let Entry::KeyDrilled(drilled) = key(n, 0) else { unreachable!() };
            Entry::KeyDrilled(KeyDrilled { bundle: Some(file(n, what)), ..drilled })
        };
        let tested = |what: &str| {
            Entry::Tested(Tested {
                snapshot: None,
                packs: bits(&[]),
                documents: 0,
                bytes: 0,
                failed: 0,
                complete: false,
                keyholder: holder(1),
                bundles: vec![file(9, what), file(8, what)],
            })
        };
        say(&mut world, ROOT, 10, added(9, "recovery sheet"));
        let Entry::KeyholderAdded(deputy) = added(8, "deputy") else { unreachable!() };
        let deputy = KeyholderAdded { bundle: Some(file(8, "made")), ..deputy };
        say(&mut world, ROOT, 10, Entry::KeyholderAdded(deputy));
        let blind = Actor { reads: false, ..actor(77, &[Role::Tester]) };
        say(&mut world, ROOT, 10, Entry::ActorAdded(blind));
        say(&mut world, 77, 11, tested("planted"));
        say(&mut world, 77, 11, drill(9, "planted"));
        assert_eq!(is(&world, 9), None, "who reads nothing opened nothing");
        say(&mut world, TESTER, 12, tested("rotten"));
        say(&mut world, TESTER, 13, tested("later"));
        assert_eq!(is(&world, 9), Some(file(9, "rotten")), "of testers the first counts");
        say(&mut world, TESTER, 14, drill(9, "opened"));
        say(&mut world, TESTER, 15, tested("rotten"));
        assert_eq!(is(&world, 9), Some(file(9, "opened")));
        say(&mut world, ROOT, 16, drill(9, "opened again"));
        assert_eq!(is(&world, 9), Some(file(9, "opened again")));
        say(&mut world, TESTER, 17, drill(8, "planted"));
        assert_eq!(is(&world, 8), Some(file(8, "made")), "the root key said it");
    }

    #[test]
    fn a_key_that_reads_nothing_is_shown_by_opening_the_log() {
        let mut world = begun();
        let blind = Actor {
            key: crate::domain::id::ActorId::new([77; 32]),
            machine: holder(7),
            ..actor(WRITER, &[Role::Writer])
        };
        say(&mut world, ROOT, 10, Entry::ActorAdded(blind));
        say(
            &mut world,
            ROOT,
            10,
            Entry::KeyholderAdded(
                Keyholder { id: holder(7), name: "write-only server".into(), recipient: String::new(), reads: false }
                    .into(),
            ),
        );
        assert!(overdue(&world, 30).contains(&Drill::Key("write-only server".into())));
        say(&mut world, 77, 30, stored(&[2], 2));
        assert!(!overdue(&world, 31).contains(&Drill::Key("write-only server".into())));
    }

    #[test]
    fn the_time_begins_with_the_first_backup() {
        let mut world = begun();
        say(&mut world, WRITER, 17, snapshot("documents", &[0], None));
        assert_eq!(overdue(&world, 18), [Drill::Sample]);
    }

    #[test]
    fn a_drill_of_everything_is_asked_for_in_place_of_a_part() {
        let asked = |world: &World, on| {
            let due = due(&world.state(), &EVERY, day(on));
            to_ask_for(&due).into_iter().map(|d| d.drill.clone()).collect::<Vec<_>>()
        };
        let mut world = begun();
        assert_eq!(asked(&world, 17), []);
        assert_eq!(asked(&world, 18), [Drill::Sample]);
        say(&mut world, ROOT, 10, added(9, "deputy"));
        assert_eq!(asked(&world, 40), [Drill::Whole, Drill::Key("deputy".into())]);
    }

    #[test]
    fn a_clock_a_little_ahead_is_believed_up_to_the_second() {
        for (ahead, expected) in [(0, [true, true]), (1, [false, false])] {
            let at = day(40) + CLOCK_SLACK + SignedDuration::from_secs(ahead);
            let mut world = World::new();
            let body = world.body(WRITER, snapshot("documents", &[], None));
            world.slot(Some(crate::domain::log::Body { time: at, ..body }));
            let begins = due(&world.state(), &EVERY, day(40));
            let body = world.body(TESTER, drilled(false, 0));
            world.slot(Some(crate::domain::log::Body { time: at, ..body }));
            let drilled = due(&world.state(), &EVERY, day(40));
            assert_eq!([!begins[0].overdue, drilled[0].last.is_some()], expected, "{ahead}");
        }
    }

    #[test]
    fn a_date_from_the_future_is_no_drill() {
        let mut world = begun();
        say(&mut world, TESTER, 900, drilled(true, 0));
        assert_eq!(overdue(&world, 40), [Drill::Sample, Drill::Whole]);
    }
}
