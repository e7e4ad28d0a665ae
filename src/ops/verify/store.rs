//! `verify store`: what the store does for what lies in it, and whether that is what the settings claim.
//!
//! The result is put on record whatever it is. A claim that does not hold is a failure; one that could not be seen to
//! hold is not taken for true.

use jiff::{SignedDuration, Timestamp};

use crate::domain::id::PackName;
use crate::domain::log::State;
use crate::domain::log::entry::Entry;
use crate::domain::log::guards::StoreTested;
use crate::domain::log::state::{Life, PackState};
use crate::domain::problem::Exit;
use crate::ops::error::OpsError;
use crate::ops::monitor::{Monitor, Stop};
use crate::repo::error::RepoError;
use crate::repo::repository::Repository;
use crate::repo::store::{Protection, protection};

/// How many packs are asked for their lock, half of them the newest.
const SAMPLE: usize = 20;

/// What the settings claim of the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Claims {
    /// Every object is locked for so many days.
    pub lock_days: Option<u32>,
    /// What is deleted can be read for so many days.
    pub version_days: Option<u32>,
}

impl Claims {
    /// Whether anything is claimed.
    pub fn any(&self) -> bool {
        self.lock_days.or(self.version_days).is_some()
    }
}

/// What a test of the store found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreReport {
    /// What was seen.
    pub tested: StoreTested,
    /// When it began.
    pub began: Timestamp,
    /// The entry that records it; none where this computer may not write one.
    pub entry: Option<u64>,
}

impl StoreReport {
    /// The exit code that says this.
    pub fn exit(&self) -> Exit {
        if self.tested.broken().next().is_some() || self.tested.seen.is_empty() {
            Exit::Failed
        } else if self.tested.unproved().next().is_some() {
            Exit::Incomplete
        } else {
            Exit::Done
        }
    }
}

/// Tests the store itself, and records what was seen.
///
/// # Errors
/// The store does not let itself be written to, or cannot be reached; `Interrupted`.
pub fn store(
    repo: &mut Repository,
    claims: &Claims,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<StoreReport, OpsError> {
    stop.check()?;
    repo.refresh()?;
    monitor.stage("trying the store out", None);
    let began = repo.env.clock.now();
    let state = repo.state();
    let asked = Protection {
        lock_days: claims.lock_days,
        version_days: claims.version_days,
        single_machine: state.created.single_machine,
        canary: state.store_test.as_ref().and_then(|(_, t)| t.canary.clone()),
        sample: sample(state),
        now: began,
    };
    let tested = protection(&repo.store, &asked, &*repo.env.entropy).map_err(RepoError::from)?;
    let entry = match repo.append(|_| Ok(Some(Entry::StoreTested(tested.clone())))) {
        Ok(entry) => entry,
        // Who may only delete, or approve, may look all the same.
        Err(RepoError::NoRole(_)) => None,
        Err(e) => return Err(e.into()),
    };
    Ok(StoreReport { tested, began, entry })
}

/// Whether the newest test is too old, was made under other claims, or found something that can be mended. What this kind
/// of store can never show is no reason to ask again each night.
pub fn is_due(state: &State, claims: &Claims, every: SignedDuration, now: Timestamp) -> bool {
    state.store_test.as_ref().is_none_or(|(at, tested)| {
        let fresh = now.duration_since(*at).abs() < every;
        !fresh || !tested.is_settled() || !tested.claimed(claims.lock_days, claims.version_days)
    })
}

/// The newest packs, and as many spread over all others.
fn sample(state: &State) -> Vec<PackName> {
    let lives = |p: &&PackState| !matches!(p.life, Life::Swept { .. }) && !p.void && !p.doubted;
    let all: Vec<PackName> = state.packs.iter().filter(lives).map(|p| p.pack.name).collect();
    let (others, newest) = all.split_at(all.len().saturating_sub(SAMPLE / 2));
    let step = others.len().div_ceil(SAMPLE / 2).max(1);
    others.iter().step_by(step).chain(newest).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::log::guards::{Ground, Guard, GuardSeen, Shown};
    use crate::ops::Silent;
    use crate::ops::verify::fixture::Council;

    fn test(council: &Council, claims: Claims) -> StoreReport {
        store(&mut council.open(), &claims, &Silent, &Stop::default()).unwrap()
    }

    fn seen(report: &StoreReport, guard: Guard) -> GuardSeen {
        *report.tested.seen.iter().find(|s| s.guard == guard).unwrap()
    }

    #[test]
    fn a_store_that_protects_nothing_is_no_failure_unless_something_is_claimed() {
        let council = Council::new();
        council.write("minutes.txt", "Minutes");
        council.backup();
        let before = council.objects();
        let report = test(&council, Claims::default());
        assert_eq!((report.exit(), report.tested.seen.len()), (Exit::Done, 7));
        for (guard, shown, ground) in [
            (Guard::PutIfAbsent, Shown::Protected, None),
            (Guard::Listing, Shown::Protected, None),
            (Guard::Versioning, Shown::NotProtected, Some(Ground::NoVersions)),
            (Guard::Deletion, Shown::NotProtected, Some(Ground::Deleted)),
            (Guard::ObjectLock, Shown::NotProtected, Some(Ground::NoLock)),
            (Guard::LockDates, Shown::Inconclusive, Some(Ground::NoCall)),
            (Guard::Lifecycle, Shown::Inconclusive, Some(Ground::NoCall)),
        ] {
            let s = seen(&report, guard);
            assert_eq!((s.shown, s.ground), (shown, ground), "{guard:?}");
        }
        // Nothing is left of it, and nothing else was touched.
        assert_eq!(council.objects(), before);
        assert!(council.store().list("probe").unwrap().0.iter().all(|l| !l.key.to_string().contains("canary")));
        let repo = council.open();
        assert_eq!(
            repo.state().store_test,
            Some((repo.slots().last().unwrap().body.as_ref().unwrap().time, report.tested))
        );

        let claimed = test(&council, Claims { lock_days: Some(30), version_days: Some(30) });
        assert_eq!(claimed.exit(), Exit::Failed);
        let broken: Vec<Guard> = claimed.tested.broken().map(|s| s.guard).collect();
        assert_eq!(broken, [Guard::Versioning, Guard::Deletion, Guard::ObjectLock]);
        let unproved: Vec<Guard> = claimed.tested.unproved().map(|s| s.guard).collect();
        assert_eq!(unproved, [Guard::LockDates, Guard::Lifecycle]);
    }

    #[test]
    fn it_is_due_when_old_under_other_claims_or_after_it_failed() {
        let council = Council::new();
        let (none, lock) = (Claims::default(), Claims { lock_days: Some(30), version_days: None });
        let month = SignedDuration::from_hours(30 * 24);
        let due = |claims: &Claims| is_due(council.open().state(), claims, month, council.env.clock.now());
        assert!(due(&none), "never tested");
        test(&council, none);
        assert!(!due(&none) && due(&lock));
        council.clock.advance(month);
        assert!(due(&none));
        test(&council, lock);
        assert!(due(&lock), "what failed is tested again in each run");
    }

    #[test]
    fn a_computer_that_may_only_write_tests_it_too() {
        let council = Council::write_only();
        assert!(test(&council, Claims::default()).entry.is_some());
    }
}
