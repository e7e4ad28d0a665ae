//! Everything this computer keeps for itself, damaged in every way: what is only a copy never matters, what is more
//! is told in words. Nothing wrong comes back, nothing in the store is lost, and nothing is said that does not count.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use strongroom::domain::id::{Digest, IndexName, RepositoryId};
use strongroom::domain::problem::Exit;
use strongroom::repo::last_listing::LastListing;
use strongroom::repo::listing::encode;
use strongroom::repo::repository::Repository;
use strongroom::repo::seal::Identity;
use strongroom::testing::{Fault, Plan, SeededEntropy};
use support::world::{Files, World, files_of, read_back};

/// In place of a file's bytes: a folder with something in it stands there.
const A_FOLDER: &[u8] = b"\0 a folder, with something in it \0";

/// The files of a state folder by their names.
type State = BTreeMap<String, Vec<u8>>;

/// Files without which this computer does not know who it is, what it has seen, or where a folder lay: a backup may stop.
const MORE_THAN_COPIES: [&str; 3] = ["machine.json", "memory.json", "sets/documents.mounts.json"];

/// A repository with two snapshots and an interrupted third, and everything as it was then.
struct Office {
    world: World,
    sheet: Identity,
    id: RepositoryId,
    objects: BTreeMap<String, Vec<u8>>,
    state: State,
    /// The state as it was after the first backup.
    older: State,
    before: (Files, Files),
    after: (Files, Files),
}

fn read_state(folder: &Path) -> State {
    let strip = |path: Vec<u8>| String::from_utf8(path).unwrap().trim_start_matches("s/").to_owned();
    files_of(folder, "s").into_iter().map(|(path, bytes)| (strip(path), bytes)).collect()
}

fn office(seed: u64) -> Office {
    let world = World { entropy: Arc::new(SeededEntropy::new(seed)), ..World::new() };
    let sheet = world.create_with(false);
    world.write("a.txt", "one");
    world.write("b.txt", "two");
    world.write("Plans/site.txt", "a plan of the site. ".repeat(2_000));
    world.backup().unwrap();
    let older = read_state(world.dir().path());
    std::fs::remove_file(world.docs().join("b.txt")).unwrap();
    world.write("a.txt", "one and a half");
    world.backup().unwrap();
    let before = read_back(&mut world.open().unwrap(), "documents").unwrap();
    world.write("c.txt", "three");
    world.faults.restart(Plan::none());
    // The third run dies when its packs are stored and the log does not know of them.
    let died = (0..60).any(|call| {
        world.faults.restart(Plan::at(call, Fault::StopBefore));
        let died = world.backup().is_err() && world.dir().file("session.journal").exists();
        died || world.faults.injected().is_empty()
    });
    world.faults.restart(Plan::none());
    assert!(died && world.dir().file("session.journal").exists());
    world.dir().save_json("damaged.json", &Vec::<String>::new()).unwrap();
    let state = read_state(world.dir().path());
    let id = world.dir().load_machine().unwrap().unwrap().repository.unwrap();
    let after = (files_of(&world.docs(), "Documents"), before.1.clone());
    assert_eq!(after.1, Files::from([(b"Documents/b.txt".to_vec(), b"two".to_vec())]));
    assert_ne!(before.0, after.0);
    Office { objects: world.objects(), world, sheet, id, state, older, before, after }
}

impl Office {
    fn reset(&self, state: &State) {
        let folder = self.world.dir().path().to_path_buf();
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        for (name, bytes) in state {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if bytes == A_FOLDER {
                std::fs::create_dir(&path).unwrap();
                std::fs::write(path.join("something"), b"something").unwrap();
            } else {
                std::fs::write(path, bytes).unwrap();
            }
        }
        for name in self.world.objects().keys().filter(|name| !self.objects.contains_key(*name)) {
            self.world.delete_object(name);
        }
    }

    /// What somebody with the recovery sheet and no state at all is shown.
    fn shown(&self) -> (Files, Files) {
        let mut repo =
            Repository::open_with_identity(self.world.store(), &self.sheet, self.id, self.world.env()).unwrap();
        assert!(repo.state().voids.is_empty(), "something was said that does not count");
        read_back(&mut repo, "documents").unwrap()
    }

    /// Reads and backs up with this state. Whether each of them worked.
    fn examine(&self, state: &State, what: &str) -> [bool; 2] {
        self.reset(state);
        let read = self.world.open().map_err(|e| e.to_string()).and_then(|mut repo| {
            let read = read_back(&mut repo, "documents");
            read.map_err(|e| e.to_string())
        });
        match &read {
            Ok(files) => assert_eq!(*files, self.before, "{what}: something else came back"),
            Err(e) => assert!(e.len() > 20, "{what}: {e}"),
        }
        self.reset(state);
        let done = self.world.backup();
        let now = self.world.objects();
        assert!(
            self.objects.iter().all(|(name, bytes)| now.get(name) == Some(bytes)),
            "{what}: the store lost something"
        );
        match &done {
            Ok(_) => assert_eq!(self.shown(), self.after, "{what}"),
            Err(e) => {
                assert!(e.exit() != Exit::Done && e.to_string().len() > 20, "{what}: {e}");
                let shown = self.shown();
                // A folder in the way of a copy may be met after the snapshot was committed: that is told, and no harm.
                let late = what.ends_with("by a folder") && shown == self.after;
                assert!(shown == self.before || late, "{what}: {e}: something else is shown");
                assert!(!what.ends_with("by a folder") || e.to_string().contains("a folder stands"), "{what}: {e}");
            }
        }
        [read.is_ok(), done.is_ok()]
    }
}

/// Every way in which one file is damaged here; `None`: it is not there.
fn damages(name: &str, office: &Office, other: &State) -> Vec<(String, Option<Vec<u8>>)> {
    let bytes = &office.state[name];
    let mut all = vec![
        ("lost".into(), None),
        ("empty".into(), Some(vec![])),
        ("cut in half".into(), Some(bytes[..bytes.len() / 2].to_vec())),
        ("garbage".into(), Some((0..bytes.len().max(40)).map(|i| (i * 167 + 13) as u8).collect())),
        ("grown".into(), Some([&bytes[..], b"more"].concat())),
        ("replaced by a folder".into(), Some(A_FOLDER.to_vec())),
    ];
    let flips = if bytes.is_empty() { 0 } else { (bytes.len() / 128).max(8) };
    for part in 0..flips {
        let at = (bytes.len() * part / flips + part).min(bytes.len() - 1);
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (part % 7);
        all.push((format!("byte {at} flipped"), Some(flipped)));
    }
    let stem = |name: &str| name.split_at(name.len().min(14)).0.to_owned();
    let namesake = |state: &State| {
        let same = state.iter().find(|(n, _)| *n == name);
        same.or_else(|| state.iter().find(|(n, _)| stem(n) == stem(name))).map(|(_, bytes)| bytes.clone())
    };
    all.extend(namesake(other).map(|b| ("another repository's".into(), Some(b))));
    all.extend(namesake(&office.older).map(|b| ("older".into(), Some(b))));
    let neighbours = office.state.iter().filter(|(n, _)| *n != name).step_by(3);
    all.extend(neighbours.map(|(n, b)| (format!("replaced by {n}"), Some(b.clone()))));
    all
}

#[test]
fn every_file_of_the_state_damaged_in_every_way_is_harmless_or_told() {
    let office = office(1);
    let other = self::office(2).state;
    assert_eq!(office.examine(&office.state, "undamaged"), [true, true]);
    assert!(office.state.len() >= 10, "{:?}", office.state.keys());
    let (mut cases, mut harmless) = (0, 0);
    for name in office.state.keys() {
        for (how, bytes) in damages(name, &office, &other) {
            let mut state = office.state.clone();
            match bytes {
                Some(bytes) if bytes == office.state[name] => continue,
                Some(bytes) => state.insert(name.clone(), bytes),
                None => state.remove(name),
            };
            let worked = office.examine(&state, &format!("{name} {how}"));
            // A folder may hold what somebody put there: it is never removed, so that it may stop a run, in words.
            let copy = !MORE_THAN_COPIES.contains(&name.as_str()) && !how.contains("a folder");
            assert!(!copy || worked == [true, true], "{name} {how}: only a copy, yet it stopped something: {worked:?}");
            cases += 1;
            harmless += usize::from(worked == [true, true]);
        }
    }
    println!("{} files, {cases} damages: {harmless} harmless, the others told", office.state.len());
}

#[test]
fn no_copy_with_one_wrong_bit_is_believed() {
    let office = office(1);
    office.reset(&office.state);
    let dir = office.world.dir();
    let root = office.world.open().unwrap().state().newest("documents").unwrap().snapshot.root;
    let last = LastListing::new(&dir, "documents");
    let found = last.find(&root).unwrap();
    let mut flips = 0;
    let mut flip_all = |path: &Path, believed: &dyn Fn() -> bool| {
        let good = std::fs::read(path).unwrap();
        assert!(believed());
        for bit in 0..good.len() * 8 {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(path, flipped).unwrap();
            assert!(!believed(), "{}, bit {bit}", path.display());
            flips += 1;
        }
        std::fs::write(path, good).unwrap();
    };
    let log = dir.load_slots(office.id).unwrap().0;
    let believed = || {
        let slots = dir.load_slots(office.id).unwrap().0;
        assert_eq!(slots, log[..slots.len()], "a line was changed and believed");
        slots.len() == log.len()
    };
    flip_all(&dir.file("cache/log"), &believed);
    for (path, _) in [&found.live, &found.gone] {
        flip_all(path, &|| last.find(&root).is_some());
    }
    let pages = std::fs::read_dir(dir.file("sets")).unwrap().map(|f| f.unwrap().path());
    let pages =
        pages.filter(|p| p.extension().is_some_and(|e| e.len() == 8) && *p != found.live.0 && *p != found.gone.0);
    for path in pages {
        let believed = || last.find(&root).unwrap().root.is_some();
        if std::fs::read(&path)
            .is_ok_and(|bytes| Digest::of(&bytes) == Digest::of(&encode(found.root.as_ref().unwrap()).unwrap()))
        {
            flip_all(&path, &believed);
        }
    }
    for name in office.state.keys().filter_map(|name| name.strip_prefix("cache/index/")) {
        let index: IndexName = name.parse().unwrap();
        flip_all(&dir.file(&format!("cache/index/{name}")), &|| dir.load_index(&index).is_some());
    }
    println!("{flips} bits of copies flipped, none believed");
}

#[test]
fn a_whole_state_that_is_older_or_has_only_its_keys_goes_on() {
    let office = office(1);
    assert_eq!(office.examine(&office.older, "the state of the first backup"), [true, true]);
    let keys: State =
        office.state.iter().filter(|(n, _)| *n == "machine.json").map(|(n, b)| (n.clone(), b.clone())).collect();
    assert_eq!(office.examine(&keys, "the keys alone"), [true, true]);
    let other = self::office(2).state;
    assert_eq!(office.examine(&other, "another repository's whole state"), [false, false]);
    assert_eq!(office.examine(&State::new(), "nothing at all"), [false, false]);
}
