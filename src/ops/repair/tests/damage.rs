//! Each kind of damage on its own, and several at once.

use super::*;
use crate::domain::log::state::Life;
use crate::repo::layout::Key;

/// The pack with the listing of the newest snapshot.
fn listing_pack(c: &Council) -> Object {
    let mut repo = c.open();
    let root = repo.state().newest(&c.set).unwrap().snapshot.root;
    let number = repo.index().unwrap().pack_of(&root).unwrap();
    Object::Pack(repo.pack_name(number).unwrap())
}

/// One document of each night, none of which changes or goes.
fn growing() -> Council {
    let c = Council::new();
    for night in 0..3u8 {
        c.write(&format!("{night}.bin"), Council::noise(night, 60_000));
        c.backup();
    }
    c
}

type Hurt = fn(&Council, Object);

const HURTS: [(&str, Hurt); 4] = [
    ("a flipped bit", |c, o| c.damage(o, flip)),
    ("a truncated pack", |c, o| c.damage(o, |b| b.truncate(b.len() / 2))),
    ("rubbish", |c, o| c.damage(o, |b| b.fill(7))),
    ("a lost pack", |c, o| c.lose(o)),
];

#[test]
fn what_is_still_on_this_computer_is_stored_again_and_old_snapshots_find_it() {
    for (at, (what, hurt)) in HURTS.into_iter().enumerate() {
        let forget = at % 2 == 0;
        let c = growing();
        let before = c.everything();
        let (number, pack) = c.pack_of("Documents/0.bin");
        hurt(&c, pack);
        if forget {
            c.forget_everything();
        }
        let seen = c.preview();
        assert_eq!((named(&seen.here), named(&seen.lost)), (vec!["Documents/0.bin".into()], vec![]), "{what}");
        assert_eq!((seen.damaged.len(), seen.exit()), (1, Exit::Damage), "{what}");
        let done = c.repair();
        assert_eq!((done.replaced, done.exit()), (1, Exit::Done), "{what}: {done:?}");
        assert!(!c.open().state().needed().contains(number), "{what}");
        c.is_clean();
        let now = c.everything();
        assert!(before.iter().all(|old| now.iter().any(|new| new == old)), "{what}: every snapshot is as it was");
        let again = c.repair();
        assert!(again.damaged.is_empty() && again.backups.is_empty(), "{what}: nothing is left to do");
    }
}

#[test]
fn a_backup_after_the_damage_heals_by_itself_and_the_repair_tells_the_log() {
    let c = growing();
    let (_, pack) = c.pack_of("Documents/1.bin");
    c.lose(pack);
    c.backup();
    assert!(!c.scrub_all().failed.is_empty(), "older snapshots still miss it");
    let done = c.repair();
    assert_eq!((done.backups.len(), done.replaced, done.exit()), (0, 1, Exit::Done), "{done:?}");
    c.is_clean();
}

#[test]
fn only_what_was_hit_is_lost_and_the_rest_of_the_pack_is_brought_over() {
    let c = Council::new();
    for n in 0..4u8 {
        c.write(&format!("{n}.bin"), Council::noise(n, 2_200_000));
    }
    c.backup();
    let (_, pack) = c.pack_of("Documents/0.bin");
    (0..4).for_each(|n| std::fs::remove_file(c.docs().join(format!("{n}.bin"))).unwrap());
    c.write("other.txt", "something must be there");
    c.backup();
    c.damage(pack, |b| b[3_300_000] ^= 1);
    let seen = c.preview();
    assert!(seen.readable > 0 && (1..=2).contains(&seen.lost.len()), "{:?}", named(&seen.lost));
    let done = c.repair();
    assert_eq!((named(&done.lost), done.readable), (named(&seen.lost), seen.readable));
    assert_eq!((done.replaced, done.left.len(), done.exit()), (0, 1, Exit::Damage), "what is lost keeps its pack");
    let all = c.restore_all();
    let hit: Vec<_> = all.failed.iter().flat_map(|d| &d.records).map(ToString::to_string).collect();
    assert_eq!(hit, named(&done.lost));
    let again = c.repair();
    assert_eq!((again.readable, named(&again.lost)), (0, named(&done.lost)), "once is enough");
}

#[test]
fn the_index_is_made_again_from_copies_or_from_the_packs() {
    for forget in [false, true] {
        for (what, hurt) in [HURTS[0], HURTS[3]] {
            let c = growing();
            let before = c.everything();
            let name = c.open().state().indexes[0].index.name;
            hurt(&c, Object::Index(name));
            if forget {
                c.forget_everything();
            }
            assert_eq!((c.preview().damaged.len(), c.preview().exit()), (1, Exit::Damage), "{what}");
            let done = c.repair();
            assert_eq!((done.indexes, done.exit(), done.backups.len()), (1, Exit::Done, 0), "{what}: {done:?}");
            c.forget_everything();
            c.is_clean();
            assert_eq!(c.everything(), before, "{what}");
            c.forget_everything();
            c.write("new.txt", "a backup goes on");
            c.backup();
            c.prune();
            c.is_clean();
        }
    }
}

#[test]
fn a_copy_of_a_missing_index_gets_its_old_name_back() {
    let c = growing();
    let name = c.open().state().indexes[0].index.name;
    c.lose(Object::Index(name));
    let entries = c.said();
    assert_eq!(c.repair().indexes, 1);
    assert!(c.objects().contains(&Key::Index(name).to_string()));
    assert_eq!(c.said(), entries, "as if nothing had been");
}

#[test]
fn a_listing_is_written_again_by_a_backup() {
    for (what, hurt) in [HURTS[1], HURTS[3]] {
        for forget in [false, true] {
            let c = growing();
            hurt(&c, listing_pack(&c));
            if forget {
                c.forget_everything();
            }
            assert!(c.preview().here.len() + c.preview().lost.len() > 0, "{what}");
            let done = c.repair();
            assert!(!done.backups.is_empty(), "{what}: {done:?}");
            if forget {
                // The root of the damaged snapshot holds more than pages; without this computer's copy it stays lost.
                assert!(done.lost.iter().all(|l| l.path.is_none()), "{what}: {:?}", named(&done.lost));
                c.accept(&[]).unwrap();
            }
            c.is_clean();
            assert!(c.restore_all().examined.documents >= 3, "{what}");
        }
    }
}

#[test]
fn pack_and_index_at_once() {
    for (what, hurt) in [HURTS[0], HURTS[3]] {
        for forget in [false, true] {
            let c = growing();
            let (_, pack) = c.pack_of("Documents/0.bin");
            let name = c.open().state().indexes[0].index.name;
            hurt(&c, pack);
            hurt(&c, Object::Index(name));
            if forget {
                c.forget_everything();
            }
            let done = c.repair();
            assert!(
                done.lost.is_empty() && done.indexes == u64::from(done.left.is_empty()),
                "{what}, {forget}: {done:?}"
            );
            if !done.left.is_empty() {
                // Nobody can say what else was in it.
                assert!(forget, "{what}");
                c.accept(&[]).unwrap();
            }
            c.forget_everything();
            c.is_clean();
        }
    }
}

#[test]
fn a_copy_in_a_pack_that_is_about_to_go_saves_what_is_lost() {
    let c = Council::new();
    c.write("a.bin", Council::noise(1, 60_000));
    c.backup();
    let (first, pack) = c.pack_of("Documents/a.bin");
    // Another copy, as if somebody else had stored it: the first pack is missing for a night.
    let bytes = c.store().get(&pack.key()).unwrap();
    c.lose(pack);
    c.backup();
    let (second, copy) = c.pack_of("Documents/a.bin");
    assert_ne!(first, second);
    c.store().create(&pack.key(), &bytes).unwrap();
    // The document goes, and the newest snapshot needs the copy alone.
    std::fs::remove_file(c.docs().join("a.bin")).unwrap();
    c.write("b.txt", "b");
    c.backup();
    let condemned = |n: u32| matches!(c.open().state().packs[n as usize].life, Life::Condemned { .. });
    let rule = crate::domain::retention::thinning::KeepRule { last: 1, daily: 0, weekly: 0, monthly: 0, yearly: 0 };
    let mut repo = c.open();
    let person = crate::ops::prune::circumstances(&repo, crate::ops::prune::GRACE, true);
    crate::ops::prune::thin(&mut repo, &rule, &jiff::tz::TimeZone::UTC, &person, false).unwrap();
    c.prune();
    assert!(condemned(first) && !condemned(second));
    c.lose(copy);
    assert!(c.preview().lost.is_empty());
    let done = c.repair();
    assert_eq!((done.readable, done.exit()), (1, Exit::Done), "{done:?}");
    (0..4).for_each(|_| drop(c.prune_now()));
    c.is_clean();
}

#[test]
fn a_pack_that_comes_back_is_no_longer_called_damaged() {
    let c = council();
    let (number, pack) = c.pack_of("Documents/deleted.bin");
    let bytes = c.store().get(&pack.key()).unwrap();
    c.lose(pack);
    assert_eq!(named(&c.repair().lost), ["Documents/changing.bin", "Documents/deleted.bin"]);
    c.accept(&[]).unwrap();
    c.is_clean();
    assert_eq!(c.open().state().open_losses().count(), 1);
    c.store().create(&pack.key(), &bytes).unwrap();
    assert_eq!(c.repair().sound, 1);
    let repo = c.open();
    let p = &repo.state().packs[number as usize];
    assert!(p.quarantined.is_none() && p.lost.is_none() && p.tested.is_some());
    assert_eq!(repo.state().open_losses().count(), 0);
    assert_eq!(c.restore_all().lost, 0);
    c.is_clean();
}
