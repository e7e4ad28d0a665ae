//! Everything that can go wrong with every call of a prune to the store, and going on: dying before and after it takes
//! effect, answers that are lost, late, false, cut or flipped, lists that are short. It deletes nothing but what a
//! prune without any fault deletes, every snapshot stays whole, and the end is the same.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::testing::{Turn, every_fault, under_all};

/// Of how many days' turns one goes through every point; all at once with `STRONGROOM_LONG`.
const TURNS: usize = 4;

/// The share of the day: what is played changes, never what must come of it.
#[allow(clippy::disallowed_methods)]
fn turn(turns: usize) -> Turn {
    let days = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    Turn::of_day(turns, days, |name| std::env::var(name).ok())
}

fn try_prune(c: &Council, fault: Fault) -> Result<PruneReport, OpsError> {
    let stalls = matches!(fault, Fault::StallBefore | Fault::StallAfter);
    let store = if stalls { c.store().with_patience(Duration::from_millis(300)) } else { c.store() };
    let mut repo = Repository::open_fresh(store, c.dir(), c.env.clone())?;
    let grace = SignedDuration::ZERO;
    let options = PruneOptions { grace, person: true, ..PruneOptions::default() };
    prune(&mut repo, &options, &Silent, &Stop::default())
}

#[test]
fn every_fault_of_every_call_leads_to_the_same_end() {
    let start = council();
    thin_to_last(&start);
    let reference = start.fork();
    reference.faults.restart(Plan::none());
    assert!(reference.prune_now().repacked > 0, "every part of pruning is under fire");
    let calls = reference.faults.verbs();
    prune_to_the_end(&reference);
    let (objects, kept) = (reference.objects(), reference.everything());
    // What a prune without any fault leaves there.
    let stays: Vec<String> = start.objects().into_iter().filter(|o| objects.contains(o)).collect();
    assert!(!stays.is_empty());
    let hurt = AtomicUsize::new(0);
    let points = every_fault(&calls);
    let played = under_all(&points, turn(TURNS), |point| {
        let c = start.fork();
        c.faults.restart(Plan::at(point.call, point.fault));
        let outcome = try_prune(&c, point.fault);
        let tries = c.faults.calls();
        c.faults.restart(Plan::none());
        assert!(tries <= 2 * calls.len() + 10, "{tries} calls instead of {}", calls.len());
        hurt.fetch_add(usize::from(outcome.is_err()), Ordering::Relaxed);
        assert!(stays.iter().all(|o| c.objects().contains(o)), "it deleted what must stay: {outcome:?}");
        c.everything();
        prune_to_the_end(&c);
        assert_eq!(c.objects().len(), objects.len(), "{outcome:?}: {:?}", c.objects());
        assert!(stays.iter().all(|o| c.objects().contains(o)), "the next one deleted what must stay: {outcome:?}");
        assert_eq!(c.everything().len(), kept.len());
        assert_eq!(c.everything()[0].1, kept[0].1);
        assert!(c.open().state().voids.is_empty());
    });
    let hurt = hurt.into_inner();
    println!("{} calls of a prune, {} points, {played} played, {hurt} of them failed", calls.len(), points.len());
    assert!(hurt * 3 > played, "many of these must hurt: {hurt} of {played}");
}
