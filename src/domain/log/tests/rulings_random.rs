//! Random rulings by anybody, against a model that only counts: the fold never panics and never skips a step.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;
use proptest::prelude::*;

use super::rulings::*;
use super::*;

/// What one step does. Numbers point at earlier entries, or at nothing.
fn entry() -> impl Strategy<Value = Entry> {
    let (at, name) = (|| 0u64..32, || 0u8..12);
    prop_oneof![
        1 => (name(), 1i8..28, 1i8..28).prop_map(|(n, a, b)| adopted(n, date(2026, 5, a), date(2026, 5, b))),
        1 => name().prop_map(|n| Entry::TriggerDated { note: note(n) }),
        2 => name().prop_map(held),
        2 => (at(), name()).prop_map(|(hold, n)| Entry::HoldReleased { hold, note: note(n) }),
        3 => name().prop_map(approved),
        1 => (at(), name()).prop_map(|(a, n)| cancelled(a, n)),
        6 => (at(), name()).prop_map(|(a, n)| withdrawn(a, n)),
        6 => (at(), prop::collection::vec((1u64..6, 0u8..9, prop::collection::vec(0u32..5, 0..3)), 0..3)).prop_map(
            |(a, roots)| {
                let roots: Vec<_> = roots.iter().map(|(s, r, n)| (*s, *r, &n[..])).collect();
                relisted(a, &roots)
            }
        ),
        4 => (at(), name()).prop_map(|(a, n)| done(a, n)),
        1 => prop::collection::vec(0u8..5, 0..3).prop_map(|p| condemned(&p, &[], Reason::Disposal)),
        1 => prop::collection::vec(0u8..5, 0..3).prop_map(|p| swept(&p, &[])),
    ]
}

/// Mostly at something that is there: small numbers count holds or approvals, others stay as they are.
fn aim(entry: &mut Entry, model: &Model) {
    let pick = |n: &mut u64, from: Vec<u64>| *n = from.get(*n as usize % 8).copied().unwrap_or(*n);
    let approvals = || model.disposals.keys().copied().collect();
    match entry {
        Entry::HoldReleased { hold, .. } => pick(hold, model.placed.iter().copied().collect()),
        Entry::DisposalCancelled { approval, .. } | Entry::DisposalDone { approval, .. } => pick(approval, approvals()),
        Entry::Relisted { approval, .. } => pick(approval, approvals()),
        Entry::DisposalWithdrawn(w) => pick(&mut w.approval, approvals()),
        _ => {}
    }
}

/// Mostly somebody who may say it.
fn author(entry: &Entry, luck: u8) -> u8 {
    match (luck, entry.roles().first()) {
        (0..2, _) => WRITER,
        (_, Some(Role::Approver)) => APPROVER,
        _ => PRUNER,
    }
}

/// How far a disposal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Approved,
    Withdrawn,
    Relisted,
    Done,
    Cancelled,
}

#[derive(Default)]
struct Model {
    placed: BTreeSet<u64>,
    holds: BTreeSet<u64>,
    disposals: BTreeMap<u64, Step>,
}

impl Model {
    /// Whether the order allows it; if so it is done. Listings may yet name packs that are not there.
    fn take(&mut self, n: u64, entry: &Entry) -> bool {
        use Step::*;
        let mut go = |approval: &u64, from: &[Step], to| match self.disposals.get_mut(approval) {
            Some(step) if from.contains(step) => {
                *step = to;
                true
            }
            _ => false,
        };
        match entry {
            Entry::HoldPlaced { .. } => self.holds.insert(n) && self.placed.insert(n),
            Entry::HoldReleased { hold, .. } => self.holds.remove(hold),
            Entry::DisposalApproved(_) => self.disposals.insert(n, Approved).is_none(),
            Entry::DisposalCancelled { approval, .. } => go(approval, &[Approved, Withdrawn], Cancelled),
            Entry::DisposalWithdrawn(w) => go(&w.approval, &[Approved], Withdrawn),
            Entry::Relisted { approval, .. } => go(approval, &[Withdrawn, Relisted], Relisted),
            Entry::DisposalDone { approval, .. } => go(approval, &[Relisted], Done),
            _ => true,
        }
    }

    fn step_of(d: &crate::domain::log::ruled::DisposalState) -> Step {
        match d {
            d if d.cancelled.is_some() => Step::Cancelled,
            d if d.done.is_some() => Step::Done,
            d if d.relisted_at.is_some() => Step::Relisted,
            d if d.withdrawn.is_some() => Step::Withdrawn,
            _ => Step::Approved,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]
    #[test]
    fn rulings_keep_their_order(entries in prop::collection::vec((entry(), 0u8..20), 1..24)) {
        let mut w = World::new();
        w.say(WRITER, stored(&[0, 1, 2], 1));
        w.say(WRITER, snapshot("a", &[0, 1], None));
        w.say(WRITER, snapshot("b", &[1, 2], None));
        w.say(PRUNER, stored(&[3, 4], 2));
        let mut model = Model::default();
        for (mut entry, luck) in entries {
            aim(&mut entry, &model);
            let relists = matches!(entry, Entry::Relisted { .. });
            let n = w.say(author(&entry, luck), entry.clone());
            let void = w.void();
            match void {
                Some(VoidWhy::WrongRole) => {}
                None => prop_assert!(model.take(n, &entry), "{entry:?} counts and may not"),
                // New listings may be impossible for their packs, too.
                Some(_) if relists || matches!(entry, Entry::SchemeAdopted(_)) => {}
                Some(_) => prop_assert!(!model.take(n, &entry), "{entry:?} is void: {void:?}"),
            }
            let state = w.state();
            let open: BTreeSet<u64> = state.open_holds().map(|h| h.at).collect();
            prop_assert_eq!(&open, &model.holds);
            let steps: BTreeMap<u64, Step> = state.disposals.iter().map(|d| (d.at, Model::step_of(d))).collect();
            prop_assert_eq!(&steps, &model.disposals);
            for d in &state.disposals {
                let at = |w: Option<u64>| w.unwrap_or(u64::MAX);
                let withdrawn = d.withdrawn.as_ref().map(|w| w.at);
                prop_assert!(d.at < at(withdrawn));
                prop_assert!(d.relisted_at.is_none_or(|r| at(withdrawn) < r));
                prop_assert!(d.done.is_none_or(|(n, _)| at(d.relisted_at) < n));
            }
            let needed = state.needed_notes();
            prop_assert!(state.spent_notes().is_disjoint(&needed));
            prop_assert!(state.holds.iter().all(|h| needed.contains(&h.note)), "a hold's note is always needed");
            for number in state.needed().iter() {
                let life = state.packs[number as usize].life;
                prop_assert!(!matches!(life, Life::Swept { .. }), "pack {number} is needed");
                prop_assert!(state.described().contains(number));
            }
        }
    }
}
