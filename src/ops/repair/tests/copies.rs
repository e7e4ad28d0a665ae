//! Another copy counts when it was read, wherever it lies; and nobody says of a pack that nothing is in it.

use super::*;
use crate::domain::log::bits::Bits;
use crate::ops::prune::GRACE;
use crate::ops::retention::note;
use crate::ops::verify::accepted::LOSS;

/// The same four documents in two packs, as two computers store them; they are gone from the folder.
fn twice() -> (Council, Object, Object) {
    let c = Council::new();
    (0..4u8).for_each(|n| c.write(&format!("{n}.bin"), Council::noise(n, 2_200_000)));
    c.backup();
    let (_, one) = c.pack_of("Documents/0.bin");
    let bytes = c.store().get(&one.key()).unwrap();
    c.lose(one);
    c.backup();
    let (_, other) = c.pack_of("Documents/0.bin");
    assert_ne!(one, other);
    c.store().create(&one.key(), &bytes).unwrap();
    (0..4).for_each(|n| std::fs::remove_file(c.docs().join(format!("{n}.bin"))).unwrap());
    c.write("other.txt", "something must be there");
    c.backup();
    let _ = std::fs::remove_file(c.dir().file(DAMAGED_PACKS));
    (c, one, other)
}

impl Council {
    /// As a person who types `repair --yes`: not every byte is read again.
    fn repair_quickly(&self) -> RepairReport {
        let options = RepairOptions { all: false, ..self.options() };
        repair(&mut self.open(), &options, &Silent, &Stop::default()).unwrap()
    }
}

#[test]
fn a_copy_that_nobody_read_takes_no_packs_place() {
    let (c, one, other) = twice();
    let before = c.everything();
    c.damage(one, |b| b[3_300_000] ^= 1);
    assert_eq!(c.scrub_all().failed.len(), 1, "the one is known to be damaged");
    c.damage(other, |b| b[7_700_000] ^= 1);
    let done = c.repair_quickly();
    assert_eq!((done.damaged.len(), named(&done.lost)), (2, vec![]), "{done:?}");
    assert!(done.readable > 0 && done.exit() == Exit::Done, "{done:?}");
    (0..4).for_each(|_| drop(c.prune_now()));
    c.is_clean();
    let now = c.everything();
    assert!(before.iter().all(|old| now.contains(old)), "each copy gave what the other had lost");
}

#[test]
fn what_is_rotten_in_both_copies_is_lost_and_keeps_its_packs() {
    let (c, one, other) = twice();
    c.damage(one, |b| b[3_300_000] ^= 1);
    c.scrub_all();
    c.damage(other, |b| b.fill(7));
    let done = c.repair_quickly();
    assert!((1..=2).contains(&done.lost.len()) && done.exit() == Exit::Damage, "{done:?}");
    (0..4).for_each(|_| drop(c.prune_now()));
    assert!(c.objects().contains(&one.key().to_string()), "the last copy of the rest is not deleted");
    assert_eq!(named(&c.repair_quickly().lost), named(&done.lost));
}

#[test]
fn a_pack_out_of_use_that_comes_back_is_looked_at() {
    for whole in [true, false] {
        let (c, one, other) = twice();
        let before = c.everything();
        let bytes = c.store().get(&one.key()).unwrap();
        c.lose(one);
        let done = c.repair();
        assert_eq!((done.replaced, done.exit()), (1, Exit::Done), "{done:?}");
        c.store().create(&one.key(), &bytes).unwrap();
        if !whole {
            c.damage(one, |b| b[3_300_000] ^= 1);
        }
        c.lose(other);
        assert_eq!(c.preview().lost.is_empty(), whole);
        let done = c.repair();
        assert_eq!(done.lost.is_empty(), whole, "{done:?}");
        assert!(done.lost.len() <= 2, "{done:?}");
        if whole {
            (0..4).for_each(|_| drop(c.prune_now()));
            c.is_clean();
            let now = c.everything();
            assert!(before.iter().all(|old| now.contains(old)));
        }
    }
}

#[test]
fn an_unknown_pack_that_comes_back_brings_its_content() {
    for accepted in [false, true] {
        let c = council();
        let before = c.everything();
        let (_, pack) = c.pack_of("Documents/deleted.bin");
        let bytes = c.store().get(&pack.key()).unwrap();
        c.lose(pack);
        c.lose(Object::Index(c.open().state().indexes[0].index.name));
        c.forget_everything();
        let done = c.repair();
        assert!(done.left.iter().any(|d| d.object == Some(pack)), "{done:?}");
        if accepted {
            c.accept(&[]).unwrap();
            c.forget_everything();
            c.is_clean();
        }
        for _ in 0..2 {
            c.clock.advance(GRACE);
            c.prune();
        }
        c.forget_everything();
        c.store().create(&pack.key(), &bytes).unwrap();
        let now = c.everything();
        assert!(before.iter().all(|old| now.contains(old)), "reading asks the pack itself");
        let done = c.repair();
        assert_eq!((done.sound, done.exit()), (1, Exit::Done), "{done:?}");
        c.forget_everything();
        c.is_clean();
        let now = c.everything();
        assert!(before.iter().all(|old| now.contains(old)));
    }
}

#[test]
fn an_approvers_key_alone_silences_nothing() {
    let c = council();
    let (number, pack) = c.pack_of("Documents/deleted.bin");
    c.lose(pack);
    let say = || {
        let mut repo = c.open();
        let (by, why) = ("nobody".to_owned(), "because".to_owned());
        let empty = LossNote { by, note: why, records: vec![], chunks: vec![], seen: vec![] };
        let name = note::put(&repo, LOSS, &empty).unwrap();
        let packs: Bits = [number].into_iter().collect();
        let entry = Entry::LossAccepted { packs, records: 0, note: name };
        repo.append(|_| Ok(Some(entry.clone()))).unwrap().unwrap();
    };
    let told = || {
        let checked = verify::check(&mut c.open(), false, &Silent, &Stop::default()).unwrap();
        assert!(checked.failed.iter().any(|d| d.object == Some(pack)), "{checked:?}");
        assert!(c.scrub_all().failed.iter().any(|d| d.object == Some(pack)));
        assert!(c.restore_all().failed.iter().any(|d| d.object == Some(pack)));
    };
    say();
    assert!(c.open().state().testable().contains(number), "nobody had found it damaged");
    told();
    assert_eq!(c.repair().lost.len(), 2);
    say();
    told();
    c.accept(&[]).unwrap();
    c.is_clean();
}
