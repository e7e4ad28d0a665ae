//! What is lost: named, kept from prune, accepted by a person, counted; and new damage is new.

use super::*;
use crate::domain::problem::Exit;
use crate::ops::prune::GRACE;

/// The deleted document and an old version are lost; the rest was stored again.
fn lost() -> (Council, u32, Object) {
    let c = council();
    let (number, pack) = c.pack_of("Documents/deleted.bin");
    c.damage(pack, flip);
    let done = c.repair();
    assert_eq!(named(&done.lost), ["Documents/changing.bin", "Documents/deleted.bin"]);
    assert_eq!((done.exit(), done.left.len()), (Exit::Damage, 1));
    (c, number, pack)
}

#[test]
fn a_loss_is_named_by_record_and_snapshot_and_its_pack_stays() {
    let (c, number, pack) = lost();
    let losses = c.preview().lost;
    let repo = c.open();
    let ids: Vec<SnapshotId> = repo.state().live_snapshots().map(|s| s.id).collect();
    assert_eq!(losses[0].snapshots, ids[..1], "the old version is in the first snapshot alone");
    assert_eq!(losses[1].snapshots, ids, "the deleted one is in all of them");
    assert!(!losses[0].live && !losses[1].live);
    assert!(repo.state().packs[number as usize].quarantined.is_some());
    for _ in 0..3 {
        c.clock.advance(GRACE);
        c.prune();
        assert!(c.objects().contains(&pack.key().to_string()), "evidence is not deleted");
    }
    assert_eq!(named(&c.preview().lost).len(), 2);
}

#[test]
fn accepting_ends_the_alarm_and_keeps_the_loss_on_record() {
    let (c, number, pack) = lost();
    let before = c.objects();
    let accepted = c.accept(&[]).unwrap();
    assert_eq!((accepted.records, accepted.packs), (2, 1));
    c.is_clean();
    assert!(c.restore_all().lost >= 2, "passed over, and counted");
    let repo = c.open();
    assert_eq!(repo.state().losses.len(), 1);
    assert_eq!((repo.state().losses[0].at, repo.state().losses[0].records), (accepted.entry, 2));
    assert_eq!(repo.state().packs[number as usize].lost, Some(accepted.entry));
    let report = c.preview();
    assert_eq!((report.exit(), report.lost.len()), (Exit::Done, 0));
    let note = report.accepted[0].1.as_ref().unwrap();
    assert_eq!((note.by.as_str(), note.records.len()), ("Town Clerk", 2));
    assert!(matches!(c.accept(&[]), Err(OpsError::NotFound(_))), "once is enough");
    for _ in 0..3 {
        c.clock.advance(GRACE);
        c.prune();
    }
    assert!(c.objects().contains(&pack.key().to_string()) && before.iter().all(|o| c.objects().contains(o)));
    assert_eq!(c.preview().accepted.len(), 1, "the note is kept");
    c.write("later.txt", "backups go on");
    c.backup();
    c.is_clean();
}

#[test]
fn accepting_ends_the_alarm_of_every_backup_and_of_coverage_too() {
    let c = council();
    let (number, pack) = c.pack_of("Documents/deleted.bin");
    c.lose(pack);
    c.repair();
    let told = |c: &Council| {
        c.clock.advance(jiff::SignedDuration::from_secs(60));
        let report = c.try_backup().unwrap();
        (report.problems.iter().map(|p| p.detail.clone()).collect::<Vec<_>>(), report.lost)
    };
    let broken = "its last version is not whole in the store any more".to_owned();
    assert_eq!(told(&c), (vec![broken], 0));
    c.accept(&[]).unwrap();
    for _ in 0..2 {
        assert_eq!(told(&c), (vec![], 1), "counted, and no problem");
    }
    c.forget_everything();
    assert_eq!(told(&c), (vec![], 1), "also when the listing comes from the store");
    let repo = c.open();
    let newest = repo.state().newest(&c.set).unwrap();
    assert!(newest.snapshot.needs.contains(number), "however old the others are, the loss stays on record");
    let covered = verify::coverage::look(&repo, &verify::Promise::default()).unwrap();
    assert_eq!(covered.sets[&c.set].bytes, covered.all.bytes, "what is lost has no age");
    drop(repo);
    c.is_clean();
}

#[test]
fn the_log_names_no_record() {
    let (c, ..) = lost();
    c.accept(&[]).unwrap();
    for slot in c.open().slots() {
        let text = serde_json::to_string(&slot.body).unwrap();
        assert!(!text.contains("deleted") && !text.contains("Town Clerk") && !text.contains("paper copy"), "{text}");
    }
}

#[test]
fn new_damage_is_new_however_much_was_accepted() {
    let (c, ..) = lost();
    c.accept(&[]).unwrap();
    c.write("second.bin", Council::noise(9, 60_000));
    c.backup();
    let (_, pack) = c.pack_of("Documents/second.bin");
    std::fs::remove_file(c.docs().join("second.bin")).unwrap();
    c.backup();
    c.lose(pack);
    let failed = c.restore_all().failed;
    assert!(failed.iter().any(|d| d.object == Some(pack)), "{failed:?}");
    let done = c.repair();
    assert_eq!((named(&done.lost), done.exit()), (vec!["Documents/second.bin".into()], Exit::Damage));
    let Object::Pack(name) = pack else { panic!() };
    assert!(matches!(c.accept(&["00000000"]), Err(OpsError::NotFound(_))));
    c.accept(&[&name.to_hex()[..12]]).unwrap();
    c.is_clean();
    assert_eq!(c.open().state().open_losses().map(|l| l.records).sum::<u64>(), 3);
}

#[test]
fn nothing_is_accepted_that_could_be_repaired() {
    let c = council();
    let (_, pack) = c.pack_of("Documents/deleted.bin");
    c.lose(pack);
    assert!(matches!(c.accept(&[]), Err(OpsError::InTheWay(_))));
    let c = council();
    assert!(matches!(c.accept(&[]), Err(OpsError::NotFound(_))), "nothing is lost");
}

#[test]
fn what_is_stored_again_later_is_no_loss_any_more() {
    let (c, number, _) = lost();
    c.accept(&[]).unwrap();
    c.write("found-on-a-stick.bin", Council::noise(3, 60_000));
    c.write("and-the-other.bin", Council::noise(2, 60_000));
    c.backup();
    assert_eq!(c.restore_all().lost, 0, "its content is there again, and is tested");
    let done = c.repair();
    assert_eq!((done.replaced, done.exit()), (1, Exit::Done), "{done:?}");
    assert!(!c.open().state().needed().contains(number));
    c.is_clean();
}

#[test]
fn a_computer_that_may_only_write_quarantines_and_stores_again() {
    let c = Council::write_only();
    c.write("kept.bin", Council::noise(1, 60_000));
    c.backup();
    let repo = c.open();
    let name = repo.state().packs.iter().max_by_key(|p| p.pack.size).unwrap().pack.name;
    c.damage(Object::Pack(name), flip);
    assert!(c.preview().partly);
    let done = c.repair();
    assert!(done.partly && done.backups.len() == 1 && done.backups[0].1.packs_stored > 0, "{done:?}");
    assert_eq!(done.exit(), Exit::Damage, "a reader has to tell the log");
    assert!(c.open().state().pack(&name).unwrap().1.quarantined.is_some());
}
