//! Notes: written and read back, refused in words, and missed when they are lost.

use jiff::civil::date;
use serde::{Deserialize, Serialize};

use super::fixture::Council;
use super::*;
use crate::domain::log::entry::Entry;
use crate::ops::{Silent, Stop};
use crate::repo::notes::NoteError;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    kind: String,
    patterns: Vec<String>,
}

fn told() -> Told {
    Told { kind: "hold".into(), patterns: vec!["Documents/HR/Müller/**".into()] }
}

fn council() -> Council {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    c.backup();
    c
}

/// Places a hold; its note and its entry.
fn hold(c: &Council) -> (NoteName, u64) {
    let mut repo = c.open();
    let note = repo.put_note(&told()).unwrap();
    let n = repo.append(|_| Ok(Some(Entry::HoldPlaced { note, review: date(2027, 1, 1) }))).unwrap();
    (note, n.unwrap())
}

#[test]
fn a_note_comes_back_to_readers_alone_and_hides_what_it_says() {
    let c = council();
    let repo = c.open();
    let (one, two) = (repo.put_note(&told()).unwrap(), repo.put_note(&told()).unwrap());
    assert_ne!(one, two, "nobody can tell that they say the same");
    assert_eq!(repo.read_note::<Told>(&one).unwrap(), told());
    let stored = c.store().get(&Key::Note(one)).unwrap();
    assert!(!String::from_utf8_lossy(&stored).contains("Müller"));
    let large: Vec<String> = (0..200_000).map(|n| format!("Documents/{n}/minutes.odt")).collect();
    let name = repo.put_note(&large).unwrap();
    assert_eq!(repo.read_note::<Vec<String>>(&name).unwrap(), large);
    // A machine that may only write can leave a note for others.
    let writer = Council::write_only();
    let repo = writer.open();
    let name = repo.put_note(&told()).unwrap();
    assert!(matches!(repo.read_note::<Told>(&name), Err(RepoError::CannotRead)));
}

#[test]
fn what_cannot_be_read_is_refused_in_words() {
    let c = council();
    let repo = c.open();
    let name = repo.put_note(&told()).unwrap();
    let why = |name: &NoteName| repo.read_note::<Told>(name).unwrap_err();
    assert!(matches!(why(&NoteName::new([7; 32])), RepoError::NoteMissing(_)));
    let other = repo.put_note(&vec![1, 2]).unwrap();
    assert!(matches!(why(&other), RepoError::Note { error: NoteError::Content(_), .. }) && !why(&other).is_damage());
    let sealed = |plain: &[u8], to: &crate::repo::seal::Recipient| {
        let stored = bytes::Bytes::from(crate::repo::seal::seal(plain, &[to]).unwrap());
        let name = NoteName::of(&stored);
        repo.store.create(&Key::Note(name), &stored).unwrap();
        name
    };
    let stranger = sealed(b"", &crate::repo::seal::Identity::generate().recipient());
    assert!(matches!(why(&stranger), RepoError::Note { error: NoteError::WrongKey, .. }));
    assert!(why(&stranger).to_string().contains("no key at hand opens it"), "{}", why(&stranger));
    let framed = crate::repo::compress::frame(b"{\"kind\":\"hold\",\"patterns\":[]} and more").unwrap();
    let longer = sealed(&framed, &repo.reading_recipient().unwrap());
    assert!(matches!(why(&longer), RepoError::Note { error: NoteError::Damaged(_), .. }), "{}", why(&longer));
    let junk = sealed(b"no frame", &repo.reading_recipient().unwrap());
    assert!(matches!(why(&junk), RepoError::Note { error: NoteError::Damaged(_), .. }));
    c.damage(Object::Note(name), |bytes| bytes[70] ^= 1);
    assert!(matches!(why(&name), RepoError::Note { error: NoteError::Digest, .. }) && why(&name).is_damage());
}

#[test]
fn a_lost_note_and_a_changed_one_are_damage_and_say_what_they_were() {
    let c = council();
    let (note, n) = hold(&c);
    let look = |scrubbing: bool| {
        let mut repo = c.open();
        let stop = Stop::default();
        match scrubbing {
            true => scrub(&mut repo, &Budget::default(), &Silent, &stop).unwrap(),
            false => check(&mut repo, true, &Silent, &stop).unwrap(),
        }
    };
    let good = look(false);
    assert_eq!((good.exit(), good.unknown), (Exit::Done, 0));
    let objects = good.examined.objects;
    c.open().put_note(&told()).unwrap();
    assert_eq!((look(false).exit(), look(false).unknown), (Exit::Done, 1), "one that no entry names");
    assert_eq!(look(true).exit(), Exit::Done);
    c.damage(Object::Note(note), |bytes| bytes[70] ^= 1);
    assert_eq!(look(false).exit(), Exit::Done, "the size of a note is not in the log");
    let says = |report: &VerifyReport| {
        assert_eq!((report.exit(), report.failed.len()), (Exit::Damage, 1), "{report:?}");
        assert_eq!(report.failed[0].object, Some(Object::Note(note)));
        assert!(report.failed[0].what.contains(&format!("what a hold touches (entry {n} of the log)")), "{report:?}");
    };
    says(&look(true));
    c.lose(Object::Note(note));
    says(&look(false));
    says(&look(true));
    assert_eq!(look(false).examined.objects, objects);
}

#[test]
fn the_register_knows_a_record_by_set_path_and_content() {
    let c = council();
    let (repo, path) = (c.open(), |p: &str| RecordPath::new(p).unwrap());
    let digest = repo.register_digest("documents", &path("a/b"), &[1; 32]);
    assert_eq!(digest, c.open().register_digest("documents", &path("a/b"), &[1; 32]));
    assert_eq!(digest, repo.register_key().digest("documents", &path("a/b"), &[1; 32]));
    for other in [("document", "a/b", 1), ("documents", "a/c", 1), ("documents", "a/b", 2)] {
        assert_ne!(digest, repo.register_digest(other.0, &path(other.1), &[other.2; 32]));
    }
    let secret = repo.ring.chunk_secret;
    let plain = [b"documents\0a/b\0".as_slice(), &[1; 32]].concat();
    let key = blake3::derive_key("strongroom register v1", &secret);
    assert_eq!(digest.as_bytes(), blake3::keyed_hash(&key, &plain).as_bytes());
}
