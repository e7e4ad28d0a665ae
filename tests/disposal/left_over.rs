//! What an earlier prune swept and did not delete goes with the disposal.

use jiff::SignedDuration;
use strongroom::domain::log::Entry;
use strongroom::domain::log::entry::Reason;
use strongroom::domain::log::state::Life;
use strongroom::ops::retention::approve::Stage;

use super::town::{SECRET, town_with_secret};

#[test]
fn packs_swept_before_the_approval_and_never_deleted_are_gone_when_it_is_done() {
    let (town, markers) = town_with_secret();
    // The two oldest snapshots are given up, and what only they needed is swept; then the prune dies.
    let ids: Vec<_> = town.open().state().live_snapshots().map(|s| s.id).take(2).collect();
    let say = |entry: Entry| town.open().append(|_| Ok(Some(entry.clone()))).unwrap().unwrap();
    say(Entry::Thinned { snapshots: ids, rule: "old".into() });
    let repo = town.open();
    let needed = repo.state().needed();
    let unneeded = repo.state().packs.iter().enumerate().filter(|(n, _)| !needed.contains(*n as u32));
    let packs: Vec<_> = unneeded.map(|(_, p)| p.pack.name).collect();
    assert!(!packs.is_empty());
    say(Entry::Condemned { packs: packs.clone(), indexes: vec![], reason: Reason::Unreferenced });
    town.clock.advance(SignedDuration::from_hours(1));
    say(Entry::Swept { packs: packs.clone(), indexes: vec![] });
    assert!(matches!(town.open().state().pack(&packs[0]).unwrap().1.life, Life::Swept { .. }));
    assert!(town.is_anywhere(&markers[0]));
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    assert_eq!(town.apply_now(approval).unwrap().stage, Stage::Done);
    town.assert_nowhere(&markers, "swept before the approval");
}
