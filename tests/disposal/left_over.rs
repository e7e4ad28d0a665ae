//! What others than the disposal gave up: swept and not deleted, it goes with it; given up lately, it has its time.

use jiff::SignedDuration;
use strongroom::domain::log::Entry;
use strongroom::domain::log::entry::Reason;
use strongroom::domain::log::state::Life;
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::retention::disposals::Stage;
use strongroom::ops::{Silent, Stop};

use super::town::{SECRET, noise, town_with_secret};

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

#[test]
fn what_was_given_up_lately_goes_with_no_disposal_that_nobody_watches() {
    let (town, markers) = town_with_secret();
    // Far more than a night's thinning gives up.
    for version in [50, 51] {
        town.write("plans.bin", noise(version, 2_000_000));
        town.backup();
    }
    town.test();
    let ids: Vec<_> = town.open().state().live_snapshots().map(|s| s.id).collect();
    let ids = ids[..ids.len() - 1].to_vec();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    let thinned = Entry::Thinned { snapshots: ids, rule: "a thief's".into() };
    town.open().append(|_| Ok(Some(thinned.clone()))).unwrap();
    let repo = town.open();
    let needed = repo.state().needed();
    let only: Vec<_> = (0..repo.state().packs.len() as u32).filter(|n| !needed.contains(*n)).collect();
    assert!(!only.is_empty());
    let error = town.apply_now(approval).unwrap_err();
    assert!(error.to_string().contains("were given up by thinning or rewriting"), "{error}");
    let repo = town.open();
    for n in only {
        assert!(matches!(repo.state().packs[n as usize].life, Life::Live), "pack {n} has its time");
        assert!(repo.open_pack(n).is_ok());
    }
    let report = town.apply_with(approval, |o| o.person = true).unwrap();
    assert_eq!(report.stage, Stage::Done);
    town.assert_nowhere(&markers, "once a person has said yes");
}

#[test]
fn packs_that_listings_name_go_by_no_untrue_entry() {
    let (town, _) = town_with_secret();
    std::fs::create_dir(town.tmp.path().join("plans")).unwrap();
    std::fs::write(town.tmp.path().join("plans/roof.bin"), noise(40, 90_000)).unwrap();
    let source = Source { name: RecordPath::new("Plans").unwrap(), path: town.tmp.path().join("plans") };
    backup(&mut town.open(), &BackupOptions::new("plans", vec![source]), &Silent, &Stop::default()).unwrap();
    let before = town.everything();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    let state = town.open().state().clone();
    // The pack with the content is said to have been rewritten to that with the listing.
    let is_content = |n: &u32| state.packs[*n as usize].pack.size > 80_000;
    let of_plans = || state.newest("plans").unwrap().snapshot.needs.iter();
    let (from, to) = (of_plans().filter(is_content).collect(), of_plans().filter(|n| !is_content(n)).collect());
    let entry = Entry::Rewritten { from, to };
    town.open().append(|_| Ok(Some(entry.clone()))).unwrap();
    let error = town.apply_with(approval, |o| (o.person, o.urgent) = (true, Some("an order".into()))).unwrap_err();
    assert!(error.to_string().contains("lie in packs that the log says nobody needs"), "{error}");
    let now = town.everything();
    assert!(before.iter().filter(|((.., path), _)| path != SECRET).all(|(k, v)| now.get(k) == Some(v)));
}
