//! Random histories by anybody, with anything in them: what must hold after every entry.

use proptest::prelude::*;

use super::*;
use crate::domain::log::fold::fold_one_more;

fn entry() -> impl Strategy<Value = Entry> {
    let names = || prop::collection::vec(0u8..8, 0..4);
    let reason = prop_oneof![Just(Reason::Unreferenced), Just(Reason::Orphan), Just(Reason::Disposal)];
    prop_oneof![
        (names(), 0u8..5).prop_map(|(p, i)| stored(&p, i)),
        (prop::collection::vec(0u32..8, 0..4), 0u8..2).prop_map(|(n, s)| snapshot(["a", "b"][s as usize], &n, None)),
        prop::collection::vec(0u64..30, 0..4).prop_map(|s| thinned(&s)),
        (names(), names(), reason).prop_map(|(p, i, r)| condemned(&p, &i, r)),
        (names(), names()).prop_map(|(p, i)| swept(&p, &i)),
        (0u32..8, 0u32..8).prop_map(|(f, t)| Entry::Rewritten { from: bits(&[f]), to: bits(&[t]) }),
        (2u8..7, 1u64..30).prop_map(|(a, from)| Entry::ActorRevoked { actor: ActorId::new([a; 32]), from }),
    ]
}

/// Mostly the right author, sometimes another.
fn author(entry: &Entry, luck: u8) -> u8 {
    match (luck, entry.roles().first()) {
        (0..3, _) => luck + 1,
        (3, Some(Role::Writer)) => OTHER,
        (_, Some(Role::Writer)) => WRITER,
        (_, Some(Role::Root)) => ROOT,
        (_, Some(Role::Approver)) => APPROVER,
        _ => PRUNER,
    }
}

fn holds(before: &State, after: &State) -> Result<(), TestCaseError> {
    let needed = after.needed();
    for number in needed.iter() {
        let life = after.packs[number as usize].life;
        prop_assert!(!matches!(life, Life::Swept { .. }), "a snapshot needs pack {number}, which is swept");
        prop_assert!(after.described().contains(number), "nobody describes pack {number}");
    }
    for (name, number) in &before.pack_numbers {
        prop_assert_eq!(after.pack_numbers.get(name), Some(number), "a pack's number changed");
        prop_assert!(!before.is_swept(name) || after.is_swept(name), "a dead name lives again");
    }
    for name in before.orphans.keys() {
        prop_assert!(!before.is_swept(name) || after.is_swept(name));
    }
    for set in before.sets() {
        prop_assert!(after.newest(&set).is_some(), "set {set} lost its newest snapshot");
    }
    Ok(())
}

/// What reaches back, and what it reaches: disposals, and who is cut off.
fn ruling() -> impl Strategy<Value = Entry> {
    let at = || 0u64..30;
    prop_oneof![
        (0u8..5).prop_map(rulings::approved),
        (at(), 0u8..5).prop_map(|(a, n)| rulings::withdrawn(a, n)),
        (at(), prop::collection::vec((1u64..6, 0u8..9, prop::collection::vec(0u32..5, 0..3)), 0..3)).prop_map(
            |(a, roots)| {
                let roots: Vec<_> = roots.iter().map(|(s, r, n)| (*s, *r, &n[..])).collect();
                rulings::relisted(a, &roots)
            }
        ),
        (at(), 0u8..5).prop_map(|(a, n)| rulings::done(a, n)),
        (2u8..9, prop_oneof![Just(Role::Pruner), Just(Role::Writer), Just(Role::Root)])
            .prop_map(|(a, role)| Entry::ActorAdded(actor(a, &[role]))),
        (6u8..9, 1u64..30).prop_map(|(a, from)| Entry::ActorRevoked { actor: ActorId::new([a; 32]), from }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]
    #[test]
    fn one_slot_more_makes_what_all_of_them_make(
        entries in prop::collection::vec((prop_oneof![3 => entry(), 2 => ruling()], 0u8..30), 1..40)
    ) {
        let mut world = World::new();
        let mut grown = world.state();
        let mut approved = 0;
        for (mut entry, luck) in entries {
            match &mut entry {
                Entry::DisposalWithdrawn(w) if luck % 3 > 0 => w.approval = approved,
                Entry::Relisted { approval, .. } | Entry::DisposalDone { approval, .. } if luck % 3 > 0 => {
                    *approval = approved;
                }
                _ => {}
            }
            let approves = matches!(entry, Entry::DisposalApproved(_));
            let n = match luck {
                7 => world.slot(None),
                _ => world.say(author(&entry, luck), entry),
            };
            approved = if approves { n } else { approved };
            fold_one_more(&mut grown, &world.slots).unwrap();
            prop_assert_eq!(&grown, &world.state());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]
    #[test]
    fn no_history_kills_what_a_snapshot_needs(entries in prop::collection::vec((entry(), 0u8..30), 1..30)) {
        let mut world = World::new();
        let mut before = world.state();
        for (entry, luck) in entries {
            // A revocation reaches back and may take whole snapshots with it: it is drawn rarely and judged apart.
            let revokes = matches!(entry, Entry::ActorRevoked { .. });
            if revokes && luck % 7 != 0 {
                continue;
            }
            world.say(author(&entry, luck), entry);
            let after = world.state();
            if revokes {
                for (name, number) in &before.pack_numbers {
                    prop_assert_eq!(after.pack_numbers.get(name), Some(number));
                }
            } else {
                holds(&before, &after)?;
            }
            before = after;
        }
    }
}
