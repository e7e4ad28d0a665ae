//! Every byte within so many weeks: whatever arrives and whatever the limits, as long as they pass the check at every
//! run no byte is ever older than promised; and what a run takes, in which order.

// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

#[path = "coverage/edges.rs"]
mod edges;
#[path = "coverage/rotation.rs"]
mod rotation;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use strongroom::domain::coverage::{MONTH, Rhythm, Seen, Terms, WEEKLY, ages, forecast, plan};

const UNIT: u64 = 100 << 20;
const HOUR: i64 = 3600;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + hours * HOUR).unwrap()
}

fn known(hours: i64) -> Rhythm {
    Rhythm { every: SignedDuration::from_hours(hours), known: true }
}

/// A repository that grows and shrinks, tested at every run.
struct World {
    packs: BTreeMap<u32, Seen>,
    next: u32,
    /// When runs took how much.
    spent: Vec<(i64, u64)>,
    hours: i64,
    every: i64,
    weeks: i64,
}

impl World {
    fn new(every: i64, weeks: i64) -> Self {
        Self { packs: BTreeMap::new(), next: 0, spent: vec![], hours: 0, every, weeks }
    }

    fn store(&mut self, units: u64, hours_ago: i64) {
        let (number, stored) = (self.next, at(self.hours - hours_ago));
        let lot = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.packs.insert(number, Seen { number, size: units * UNIT, stored, tested: None, lot });
        self.next += 1;
    }

    fn seen(&self) -> Vec<Seen> {
        self.packs.values().copied().collect()
    }

    fn terms(&self, per_run: Option<u64>, per_month: Option<u64>) -> Terms {
        let within = WEEKLY * self.weeks as i32;
        let recent = self.spent.iter().filter(|(hours, _)| self.hours - hours < MONTH.as_hours());
        let spent = recent.map(|(_, bytes)| bytes).sum();
        let last = at(self.spent.last().map_or(0, |(hours, _)| *hours));
        Terms { within, per_run, per_month, spent, rhythm: known(self.every), last, now: at(self.hours) }
    }

    /// Tests what is planned; the bytes, and how many packs.
    fn run(&mut self, terms: &Terms) -> (u64, usize) {
        let packs = self.seen();
        let allowance = forecast(&packs, terms).allowance;
        let planned = plan(&packs, terms, allowance, &|_| false);
        assert_eq!(planned, plan(&packs, terms, allowance, &|_| false), "the same chance, the same plan");
        assert!(planned.bytes <= allowance || planned.packs.len() == 1, "{planned:?} is more than {allowance}");
        assert_eq!(planned.packs.len() as u64 + planned.left, packs.len() as u64);
        for number in &planned.packs {
            self.packs.get_mut(number).unwrap().tested = Some(at(self.hours));
        }
        self.spent.push((self.hours, planned.bytes));
        (planned.bytes, planned.packs.len())
    }

    fn overdue(&self) -> u64 {
        ages(&self.seen(), WEEKLY * self.weeks as i32, at(self.hours)).overdue
    }
}

/// What happens before a run: packs that are stored (size, how long before) and one that goes.
type Night = (Vec<(u64, u16)>, Option<u8>);

fn nights() -> impl Strategy<Value = Vec<Night>> {
    let pack = (1u64..=5, any::<u16>());
    let night = (prop::collection::vec(pack, 0..4), prop::option::weighted(0.2, any::<u8>()));
    prop::collection::vec(night, 20..80)
}

fn live(world: &mut World, night: &Night) {
    world.hours += world.every;
    for (units, before) in &night.0 {
        world.store(*units, i64::from(*before) % world.every);
    }
    if let Some(n) = night.1 {
        let gone = world.packs.keys().nth(usize::from(n) % world.packs.len().max(1)).copied();
        gone.map(|gone| world.packs.remove(&gone));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn limits_that_pass_the_check_at_every_run_keep_the_promise(
        nights in nights(), every in prop::sample::select(vec![12i64, 24, 24, 60, 168]), weeks in 1i64..7,
        run in prop::option::of(1u64..60), month in prop::option::of(1u64..400),
    ) {
        let (mut run, mut month) = (run.map(|n| n * UNIT), month.map(|n| n * UNIT));
        let mut world = World::new(every, weeks);
        for night in &nights {
            live(&mut world, night);
            prop_assert_eq!(world.overdue(), 0, "at hour {}", world.hours);
            // Whoever is told that the limits are too low raises them.
            while !forecast(&world.seen(), &world.terms(run, month)).keeps {
                (run, month) = (run.map(|n| n * 2), month.map(|n| n * 2));
            }
            let terms = world.terms(run, month);
            let (bytes, packs) = world.run(&terms);
            prop_assert!(packs > 0 || world.packs.is_empty());
            prop_assert!(run.is_none_or(|run| bytes <= run));
            prop_assert!(month.is_none_or(|month| world.terms(run, Some(month)).spent <= month));
        }
    }

    #[test]
    fn a_fixed_limit_that_is_enough_for_all_there_ever_is_stays_enough(
        nights in nights(), every in prop::sample::select(vec![12i64, 24, 84]), weeks in 2i64..7,
    ) {
        let mut trial = World::new(every, weeks);
        let mut most = 0;
        for night in &nights {
            live(&mut trial, night);
            most = most.max(trial.seen().iter().map(|p| p.size).sum::<u64>());
        }
        let slots = (weeks * 168 - every) / every;
        let limit = Some(most.div_ceil(slots as u64) + 5 * UNIT);
        let mut world = World::new(every, weeks);
        for night in &nights {
            live(&mut world, night);
            let terms = world.terms(limit, None);
            let found = forecast(&world.seen(), &terms);
            prop_assert!(found.keeps && found.breaks.is_none(), "{:?} at hour {}", found, world.hours);
            world.run(&terms);
            prop_assert_eq!(world.overdue(), 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// The allowance: of any two runs that follow each other, one is made. The limits are such that they would pass the
    /// check for all there ever is if runs were half as frequent, so that one run does the work of two.
    #[test]
    fn runs_missed_within_the_allowance_break_no_promise(
        nights in nights(), missed in prop::collection::vec(prop::bool::weighted(0.4), 80),
        every in prop::sample::select(vec![12i64, 24, 60]), weeks in 3i64..7,
    ) {
        let mut trial = World::new(every, weeks);
        let mut most = 0;
        for night in &nights {
            live(&mut trial, night);
            most = most.max(trial.seen().iter().map(|p| p.size).sum::<u64>());
        }
        let slots = (weeks * 168 - 2 * every) / (2 * every);
        let limit = Some(most.div_ceil(slots as u64) + 5 * UNIT);
        let mut world = World::new(every, weeks);
        let mut before = false;
        for (night, missed) in nights.iter().zip(missed) {
            live(&mut world, night);
            prop_assert_eq!(world.overdue(), 0, "at hour {}", world.hours);
            before = missed && !before;
            if !before {
                let terms = world.terms(limit, None);
                world.run(&terms);
            }
        }
    }

    /// Whatever is missed, cut short or left over: whoever looks once in each rhythm, half a rhythm after each run should
    /// have been, is told before it is too late. Only what was said in the look before counts: nothing said long ago.
    #[test]
    fn more_missed_than_allowed_is_told_before_the_promise_is_broken(
        nights in nights(), missed in prop::collection::vec(prop::bool::weighted(0.7), 80),
        every in prop::sample::select(vec![12i64, 24, 60]), weeks in 1i64..5,
        run in prop::option::of(1u64..60), month in prop::option::of(1u64..400),
    ) {
        let (run, month) = (run.map(|n| n * UNIT), month.map(|n| n * UNIT));
        let mut world = World::new(every, weeks);
        let mut told = false;
        for (n, night) in nights.iter().enumerate() {
            live(&mut world, night);
            prop_assert!(world.overdue() == 0 || told, "at hour {} nobody was told", world.hours);
            if n < 3 || !missed[n] {
                let terms = world.terms(run, month);
                world.run(&terms);
            }
            world.hours += every / 2;
            prop_assert!(world.overdue() == 0 || told, "at hour {}, between runs, nobody was told", world.hours);
            if world.overdue() > 0 {
                break;
            }
            let found = forecast(&world.seen(), &world.terms(run, month));
            prop_assert_eq!(found.breaks.is_some(), !found.keeps);
            told = !found.keeps;
            world.hours -= every / 2;
        }
    }

    /// And nobody is told without need: limits that pass the check at a run, and that run made, leave nothing to tell until
    /// the next is late.
    #[test]
    fn a_look_between_two_runs_says_what_the_run_before_said(
        nights in nights(), every in prop::sample::select(vec![12i64, 24, 60]), weeks in 1i64..5,
        run in 1u64..60, look in 1i64..120,
    ) {
        let mut world = World::new(every, weeks);
        let mut run = run * UNIT;
        for night in &nights {
            live(&mut world, night);
            while !forecast(&world.seen(), &world.terms(Some(run), None)).keeps {
                run *= 2;
            }
            let terms = world.terms(Some(run), None);
            world.run(&terms);
            let after = world.terms(Some(run), None);
            let now = after.now + SignedDuration::from_secs(every * HOUR * look / 100);
            let found = forecast(&world.seen(), &Terms { now, ..after });
            prop_assert!(found.keeps, "{:?} at hour {}, {} % later", found, world.hours, look);
        }
    }
}

#[test]
fn one_run_that_is_late_is_no_alarm_and_the_last_one_to_spare_is() {
    let mut world = World::new(24, 1);
    world.store(1, 0);
    let terms = |world: &World| world.terms(None, None);
    let said = |world: &World| forecast(&world.seen(), &terms(world)).breaks;
    world.spent.push((5 * 24, 0));
    world.hours = 6 * 24 + 5;
    assert_eq!(said(&world), None, "five hours late");
    world.hours = 6 * 24 + 7;
    assert_eq!(said(&world), Some(at(7 * 24)), "missed, and the next but one would be too late");
    world.spent.push((6 * 24 + 7, 0));
    assert_eq!(said(&world), Some(at(7 * 24)), "a run was made just now, and left it: the next comes after that");
    world.run(&terms(&world));
    assert_eq!(said(&world), None);
}

#[test]
fn without_limits_the_work_is_spread() {
    let mut world = World::new(24, 4);
    world.hours = 24;
    for _ in 0..2700 {
        world.store(1, 0);
    }
    let mut largest = 0;
    for _ in 0..120 {
        let terms = world.terms(None, None);
        largest = largest.max(world.run(&terms).0);
        world.hours += 24;
        assert_eq!(world.overdue(), 0);
    }
    assert_eq!(largest, 100 * UNIT, "2,700 packs in 27 nights");
}

#[test]
fn what_cannot_wait_comes_first_then_what_was_never_tested_then_the_oldest() {
    let mut world = World::new(24, 2);
    for n in 0..20 {
        world.hours = n * 12;
        world.store(1, 0);
        world.packs.get_mut(&(n as u32)).unwrap().tested = Some(at(world.hours));
    }
    world.hours = 10 * 24;
    world.store(1, 1);
    let packs = world.seen();
    let taken = |terms: &Terms, units: u64, wished: u32| plan(&packs, terms, units * UNIT, &|n| n == wished).packs;
    let roomy = world.terms(Some(8 * UNIT), None);
    assert_eq!(taken(&roomy, 4, 99), [20, 0, 1, 2], "nothing presses: the new one, then the oldest");
    assert_eq!(taken(&roomy, 4, 7), [7, 20, 0, 1], "a wish comes before them");
    world.hours = 14 * 24;
    let pressed = world.terms(Some(8 * UNIT), None);
    let mut first = taken(&pressed, 6, 7);
    assert_eq!(first.split_off(4), [7, 20], "{first:?}");
    first.sort_unstable();
    assert_eq!(first, [0, 1, 2, 3], "what is due before the run after the next");
    let none = plan(&packs, &roomy, 0, &|_| false);
    assert_eq!((none.packs, none.left), (vec![20], 20), "at least one");
}

#[test]
fn limits_that_are_too_low_are_known_by_their_numbers() {
    let mut world = World::new(24, 12);
    for _ in 0..410 {
        world.store(1, 0);
    }
    let of = |run: Option<u64>, month: Option<u64>| forecast(&world.seen(), &world.terms(run, month));
    let low = of(Some(5 * UNIT), None);
    assert_eq!((low.bytes, low.allowed), (410 * UNIT, Some(83 * (4 * UNIT + 1))), "a pack is taken as a whole");
    assert!(!low.sustainable && !low.keeps && low.breaks.is_some());
    assert!(of(Some(6 * UNIT), None).keeps);
    assert!(!of(None, Some(150 * UNIT)).sustainable && of(None, Some(180 * UNIT)).keeps);
    let free = of(None, None);
    assert_eq!((free.allowed, free.keeps, free.allowance), (None, true, 1 << 30), "at least 1 GiB");
    // A rhythm that is not known yet: ready for a weekly one, but a nightly one is not refused.
    let unknown = Terms { rhythm: Rhythm::of([], world.terms(None, None).now), ..world.terms(Some(6 * UNIT), None) };
    assert!(!unknown.rhythm.known && unknown.rhythm.every == WEEKLY);
    assert!(forecast(&world.seen(), &unknown).keeps);
    let open = Terms { per_run: None, ..unknown };
    assert_eq!(forecast(&world.seen(), &open).needed_per_run, (410 * UNIT).div_ceil(11));
}

#[test]
fn catching_up_is_no_fault_of_the_limits_but_its_end_is_known() {
    let mut world = World::new(24, 2);
    for _ in 0..40 {
        world.store(1, 0);
    }
    world.hours = 12 * 24;
    let found = forecast(&world.seen(), &world.terms(Some(5 * UNIT), None));
    assert!(found.sustainable && !found.keeps);
    assert_eq!(found.breaks, Some(at(14 * 24)));
    world.hours = 15 * 24;
    assert_eq!(world.overdue(), 40 * UNIT);
    let mut runs = 0;
    while world.overdue() > 0 {
        let terms = world.terms(Some(5 * UNIT), None);
        world.run(&terms);
        runs += 1;
    }
    assert_eq!(runs, 8);
}

#[test]
fn the_rhythm_is_measured() {
    let now = at(1000);
    let of = |hours: &[i64]| Rhythm::of(hours.iter().map(|h| at(*h)), now);
    assert_eq!(of(&[900, 924, 948]), known(24));
    assert_eq!(of(&[948, 900, 924, 2000]), known(24), "in any order, and not from the future");
    let two_sets = [900, 924, 948].into_iter().flat_map(|h| [at(h), at(h) + SignedDuration::from_secs(9)]);
    assert_eq!(Rhythm::of(two_sets, now), known(24), "one run tests several sets");
    assert_eq!(of(&[0, 500, 524, 548, 572]), known(24), "a pause says nothing about what comes");
    assert_eq!(of(&[0, 300, 600, 900]), known(300), "a computer that is switched on now and then");
    assert_eq!(of(&[0, 20, 950]), known(430), "five weeks at most");
    let monthly = Terms { rhythm: known(720), ..World::new(24, 2).terms(None, None) };
    let pack = Seen { number: 0, size: UNIT, stored: at(0), tested: None, lot: 0 };
    let rare = forecast(&[pack], &monthly);
    assert!(rare.sustainable && !rare.keeps && rare.breaks == Some(at(14 * 24)), "{rare:?}");
    assert!(!of(&[900]).known && !of(&[0, 900]).known);
}

#[test]
fn ages_tell_weeks_and_the_unbelievable_apart() {
    let mut world = World::new(24, 3);
    for tested in [0, 100, 400, 700] {
        world.store(1, 0);
        world.packs.values_mut().last().unwrap().tested = Some(at(tested));
    }
    world.hours = 720;
    world.store(2, 0);
    let found = ages(&world.seen(), WEEKLY * 3, at(720));
    assert_eq!((found.bytes, found.packs, found.never), (6 * UNIT, 5, 2 * UNIT));
    assert_eq!(found.weeks, [UNIT, UNIT, 0]);
    assert_eq!((found.overdue, found.oldest), (2 * UNIT, Some(at(0))));
    // From the future: a clock was wrong, so it proves nothing and comes before all that was tested.
    world.packs.get_mut(&3).unwrap().tested = Some(at(9000));
    assert_eq!(ages(&world.seen(), WEEKLY * 3, at(720)).overdue, 3 * UNIT);
    assert!(plan(&world.seen(), &world.terms(Some(3 * UNIT), None), 3 * UNIT, &|_| false).packs.contains(&3));
    assert_eq!(ages(&[], WEEKLY, at(0)).oldest, None);
}
