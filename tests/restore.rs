//! Restoring when things are not as they should be: damage, something in the way, a stop in the middle, a
//! hostile listing, an open incident.
#![cfg(feature = "testing")]
// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

mod office;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::atomic::{AtomicU64, Ordering};

use office::{Office, assert_same, path, text};
use strongroom::domain::listing::{Base64Form, Content, Entry, Kind, Meta, Piece, Pieces};
use strongroom::domain::log::entry::{Entry as LogEntry, Incident, IncidentKind};
use strongroom::domain::pattern::Pattern;
use strongroom::domain::problem::{Exit, Problem};
use strongroom::ops::fs::random_tree::Rng;
use strongroom::ops::query::Which;
use strongroom::ops::restore::{Destination, Doing, Overwrite, RestoreOptions, Selected, apply, cat, plan};
use strongroom::ops::{Monitor, OpsError, Silent, Stop};
use strongroom::repo::error::RepoError;

fn some(office: &Office, names: &[&str]) -> RestoreOptions {
    let to = office.tmp.path().join("to");
    let selection = names.iter().map(|n| Selected::Within(path(n))).collect();
    RestoreOptions { selection, ..RestoreOptions::everything(to) }
}

#[test]
fn a_flipped_byte_names_the_record_and_the_rest_comes_back() {
    let mut office = Office::open(10);
    let mut rng = Rng::new(1);
    for name in ["a", "b", "c"] {
        office.write(name, rng.bytes(20 << 20));
    }
    office.write("small", "small");
    office.backup();
    let content: Vec<_> = office.packs().into_iter().filter(|p| p.size > 8 << 20).collect();
    office.flip(&content[1], 9 << 20);
    let to = office.tmp.path().join("to");
    let report = office.restore(&RestoreOptions::everything(&to)).unwrap();
    assert_eq!(report.exit(), Exit::Damage);
    assert!(!report.damaged.is_empty() && report.damaged.len() < 4, "{:?}", report.damaged);
    let mut back = 0;
    for name in ["a", "b", "c", "small"] {
        let record = path(&format!("Documents/{name}"));
        if report.damaged.contains(&record) {
            assert!(!to.join("Documents").join(name).exists(), "a damaged file never appears");
            assert!(report.problems.iter().any(|p| p.path.as_ref() == Some(&record) && p.detail.contains("pack")));
        } else {
            back += 1;
            let (a, b) = (fs::read(office.docs().join(name)), fs::read(to.join("Documents").join(name)));
            assert!(a.unwrap() == b.unwrap());
        }
    }
    assert_eq!(back, report.files);
    let left = fs::read_dir(to.join("Documents")).unwrap().count();
    assert_eq!(left as u64, back, "nothing unfinished is left");
}

#[test]
fn what_is_in_the_way_is_named_before_anything_is_written() {
    let mut office = Office::open(11);
    for name in ["a", "d/b", "c"] {
        office.write(name, name);
    }
    office.backup();
    let to = office.tmp.path().join("to");
    fs::create_dir_all(to.join("Documents/c")).unwrap();
    fs::write(to.join("Documents/a"), "mine").unwrap();
    let options = RestoreOptions::everything(&to);
    let refused = office.restore(&options).unwrap_err();
    assert_eq!(refused.exit(), Exit::Refused);
    assert!(refused.to_string().contains("Documents/a") && refused.to_string().contains("Documents/c"), "{refused}");
    assert_eq!(text(&to, "Documents/a"), "mine");
    assert!(!to.join("Documents/d").exists());
    // Overwriting replaces files, never folders.
    let always = RestoreOptions { overwrite: Overwrite::Always, ..options };
    assert_eq!(office.restore(&always).unwrap_err().exit(), Exit::Refused);
    fs::remove_dir(to.join("Documents/c")).unwrap();
    let report = office.restore(&always).unwrap();
    assert_eq!((report.files, report.exit()), (3, Exit::Done));
    assert_same(&office.docs(), &to.join("Documents"), "");
}

/// Stops the restore after so many bytes.
struct StopAfter(AtomicU64, Stop);

impl Monitor for StopAfter {
    fn stage(&self, what: &str, _: Option<u64>) {
        self.0.store(if what == "restoring" { 12 << 20 } else { u64::MAX }, Ordering::SeqCst);
    }
    fn advance(&self, amount: u64) {
        let left = self.0.load(Ordering::SeqCst).saturating_sub(amount);
        self.0.store(left, Ordering::SeqCst);
        if left == 0 {
            self.1.set();
        }
    }
    fn problem(&self, _: &Problem) {}
}

#[test]
fn a_restore_that_was_stopped_goes_on_where_it_was() {
    let mut office = Office::open(12);
    let mut rng = Rng::new(2);
    for n in 0..60 {
        office.write(&format!("d{}/f{n}", n % 7), rng.bytes(100_000 + n * 7));
    }
    office.write("big", rng.bytes(9 << 20));
    fs::hard_link(office.docs().join("big"), office.docs().join("d0/also-big")).unwrap();
    symlink("nowhere", office.docs().join("link")).unwrap();
    office.backup();
    let options = RestoreOptions::everything(office.tmp.path().join("to"));
    let stop = Stop::default();
    let monitor = StopAfter(AtomicU64::new(u64::MAX), stop.clone());
    let first = plan(&mut office.repo, &options, &Silent, &Stop::default()).unwrap();
    let stopped = apply(first, &mut office.repo, &monitor, &stop);
    assert!(matches!(stopped, Err(OpsError::Repo(RepoError::Interrupted))));
    // What a kill leaves, as opposed to a stop.
    let to = office.tmp.path().join("to");
    fs::write(to.join("Documents/d1/.strongroom-partial-0123456789abcdef00000001"), "half").unwrap();
    let report = office.round_trip(&to);
    assert!(report.already > 0 && report.files > 0, "{report:?}");
    assert_eq!(report.already + report.files, 62);
    let again = office.round_trip(&to);
    assert_eq!((again.already, again.files, again.packs_fetched), (62, 0, 0));
}

#[test]
fn a_deleted_file_comes_back_by_its_path_and_a_folder_in_its_newest_state() {
    let mut office = Office::open(13);
    for name in ["m/old", "m/new", "gone/x", "gone/y"] {
        office.write(name, name);
    }
    office.backup();
    fs::remove_file(office.docs().join("m/old")).unwrap();
    fs::remove_file(office.docs().join("gone/y")).unwrap();
    office.backup();
    fs::remove_dir_all(office.docs().join("gone")).unwrap();
    office.backup();
    let to = office.tmp.path().join("to/Documents");
    let report = office.restore(&some(&office, &["Documents/m"])).unwrap();
    assert_eq!((report.files, to.join("m/old").exists(), to.join("gone").exists()), (1, false, false));
    let exact = some(&office, &["Documents/m/old"]);
    office.restore(&exact).unwrap();
    assert_eq!(text(&to, "m/old"), "m/old");
    // A folder that is gone itself comes back as it last was; what was removed from it earlier on request.
    let folder = some(&office, &["Documents/gone"]);
    office.restore(&folder).unwrap();
    assert!(to.join("gone/x").exists() && !to.join("gone/y").exists());
    office.restore(&RestoreOptions { include_deleted: true, ..folder }).unwrap();
    assert!(to.join("gone/y").exists());
    let selection = vec![Selected::Fits(Pattern::new("ol*"))];
    let hidden = RestoreOptions { selection, ..exact };
    let said = office.restore(&hidden).unwrap_err().to_string();
    assert!(said.contains("1 deleted") && said.contains("--deleted"), "{said}");
    assert!(office.restore(&some(&office, &["Documents/never"])).is_err());
}

#[test]
fn in_place_keeps_what_it_replaces_and_previews_without_writing() {
    let mut office = Office::open(14);
    for name in ["a", "d/b", "d/c"] {
        office.write(name, "as backed up");
    }
    office.backup();
    office.write("a", "spoilt");
    fs::remove_dir_all(office.docs().join("d")).unwrap();
    let docs = office.docs();
    let options = |overwrite| RestoreOptions {
        to: Destination::InPlace { folders: vec![(path("Documents"), docs.clone())], label: "2026-05-06".into() },
        overwrite,
        ..RestoreOptions::everything("")
    };
    let (silent, stop) = (Silent, Stop::default());
    let preview = plan(&mut office.repo, &options(Overwrite::Never), &silent, &stop).unwrap();
    assert_eq!(preview.in_the_way, ["Documents/a"]);
    let preview = plan(&mut office.repo, &options(Overwrite::IfChanged), &silent, &stop).unwrap();
    let doing: Vec<_> = preview.items().filter(|i| i.size > 0).map(|i| (i.path.to_string(), i.doing)).collect();
    let want = [("Documents/a", Doing::Replace), ("Documents/d/b", Doing::New), ("Documents/d/c", Doing::New)];
    assert_eq!(doing, want.map(|(p, d)| (p.to_string(), d)));
    assert!(!docs.join("d").exists() && text(&docs, "a") == "spoilt", "a preview writes nothing");
    let report = office.restore(&options(Overwrite::IfChanged)).unwrap();
    assert_eq!((report.files, report.copies_kept), (3, 1));
    assert_eq!(
        (text(&docs, "a"), text(&docs, "a.before-restore-2026-05-06")),
        ("as backed up".into(), "spoilt".into())
    );
    assert_eq!(fs::metadata(docs.join("d")).unwrap().mode() & 0o777, 0o755, "a folder made anew gets its mode");
    let again = office.restore(&options(Overwrite::IfChanged)).unwrap();
    assert_eq!((again.files, again.already), (0, 3));
}

#[test]
fn a_further_name_alone_comes_back_as_a_file() {
    let mut office = Office::open(15);
    office.write("a", "one inode");
    fs::hard_link(office.docs().join("a"), office.docs().join("z")).unwrap();
    office.backup();
    let report = office.restore(&some(&office, &["Documents/z"])).unwrap();
    assert_eq!((report.files, report.exit()), (1, Exit::Done));
    assert_eq!(text(&office.tmp.path().join("to/Documents"), "z"), "one inode");
}

fn entry(name: &str, kind: Kind) -> Entry {
    let meta = Meta { mode: 0o644, ..Meta::default() };
    Entry { path: path(name), kind, meta, gone: None, first: None }
}

fn file(piece: Option<Piece>, size: u64) -> Kind {
    Kind::File(Content { size, pieces: Pieces::Inline(piece.into_iter().collect()), digest: None, link_group: None })
}

#[test]
fn a_hostile_listing_stays_inside_the_target() {
    let mut office = Office::open(16);
    let outside = office.tmp.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let id = office.repo.chunk_key().id(b"evil");
    let to_outside = outside.to_str().unwrap().as_bytes().to_vec();
    office.plant(
        "documents",
        vec![
            entry("D/link", Kind::Symlink(to_outside.clone())),
            entry("D/link/evil", file(Some(Piece::Raw(id, 4)), 4)),
            entry("E", Kind::Symlink(to_outside)),
            entry("E/evil", file(Some(Piece::Raw(id, 4)), 4)),
            entry("F", file(Some(Piece::Raw(id, 4)), 4)),
            entry("G", file(Some(Piece::Raw(id, 4)), 5)),
            entry("H", file(Some(Piece::Raw(id, 5)), 5)),
        ],
        &[b"evil"],
    );
    for _ in 0..2 {
        let to = office.tmp.path().join("to");
        let options = RestoreOptions { overwrite: Overwrite::Always, ..RestoreOptions::everything(&to) };
        if let Ok(report) = office.restore(&options) {
            assert_eq!(report.exit(), Exit::Damage, "{report:?}");
            assert_eq!(report.damaged, [path("G"), path("H")]);
        }
        assert_eq!(text(&to, "F"), "evil");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "nothing is written outside");
    }
}

#[test]
fn decoded_base64_is_written_back() {
    let mut office = Office::open(17);
    let raw = b"The council resolved to meet again.";
    let written = b"VGhlIGNvdW5jaWwg\r\ncmVzb2x2ZWQgdG8g\r\nbWVldCBhZ2Fpbi4=\r\n";
    let id = office.repo.chunk_key().id(raw);
    let form = Base64Form::new(16, true);
    let content = Content {
        size: written.len() as u64,
        pieces: Pieces::Inline(vec![Piece::Decoded(id, raw.len() as u32, written.len() as u32, form)]),
        digest: Some(strongroom::domain::id::Digest::of(written)),
        link_group: None,
    };
    let mut wrong = content.clone();
    wrong.digest = Some(strongroom::domain::id::Digest::of(raw));
    let live = vec![entry("mail", Kind::File(content)), entry("wrong", Kind::File(wrong))];
    office.plant("email", live, &[raw]);
    let to = office.tmp.path().join("to");
    let report = office.restore(&RestoreOptions::everything(&to)).unwrap();
    assert_eq!(report.damaged, [path("wrong")]);
    assert!(!to.join("wrong").exists(), "a file whose digest is wrong never appears");
    assert_eq!(fs::read(to.join("mail")).unwrap(), written);
    let mut out = vec![];
    cat(&mut office.repo, &path("mail"), &Which::default(), &mut out, &Stop::default()).unwrap();
    assert_eq!(out, written);
    let failed = cat(&mut office.repo, &path("wrong"), &Which::default(), &mut vec![], &Stop::default());
    assert_eq!(failed.unwrap_err().exit(), Exit::Damage);
}

#[test]
fn while_an_incident_is_open_the_state_before_it_comes_back() {
    let mut office = Office::open(18);
    office.write("a", "good");
    office.backup();
    office.write("a", "scrambled");
    let bad = office.backup().snapshot.unwrap();
    let what = IncidentKind::MassChange;
    let said = LogEntry::Incident(Incident { what, snapshot: Some(bad), counts: vec![] });
    office.repo.append(|_| Ok(Some(said.clone()))).unwrap();
    let to = office.tmp.path().join("to");
    let plan = plan(&mut office.repo, &RestoreOptions::everything(&to), &Silent, &Stop::default()).unwrap();
    assert_eq!(plan.held_back.len(), 1);
    apply(plan, &mut office.repo, &Silent, &Stop::default()).unwrap();
    assert_eq!(text(&to, "Documents/a"), "good");
    let which = Which { snapshot: Some(bad), ..Which::default() };
    let other = office.tmp.path().join("other");
    office.restore(&RestoreOptions { which, ..RestoreOptions::everything(&other) }).unwrap();
    assert_eq!(text(&other, "Documents/a"), "scrambled", "a named snapshot is what was asked for");
}

#[test]
fn a_restore_is_noted_in_the_log_by_counts() {
    let mut office = Office::open(19);
    office.write("a", "12345");
    let snapshot = office.backup().snapshot;
    office.round_trip(&office.tmp.path().join("to"));
    let last = office.repo.slots().last().unwrap().body.clone().unwrap().entry;
    assert_eq!(last, LogEntry::Restored { snapshot, files: 1, bytes: 5 });
}

/// What a person at the screen hears.
#[derive(Default)]
struct Heard(std::sync::Mutex<Vec<Problem>>);

impl Monitor for Heard {
    fn stage(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn problem(&self, problem: &Problem) {
        self.0.lock().unwrap().push(problem.clone());
    }
}

#[test]
fn what_a_damaged_pack_held_comes_from_another_and_the_damage_is_told() {
    let mut told = vec![];
    for (damaged, wanted) in [(0, 1), (1, 0)] {
        let mut office = Office::open(20);
        let id = office.repo.chunk_key().id(b"kept twice");
        // Each listing lies in the pack with its document; the documents are the same.
        let listing = |name: &str| vec![entry(name, file(Some(Piece::Raw(id, 10)), 10))];
        let of = ["documents", "email"].map(|set| office.plant(set, listing(set), &[b"kept twice"]));
        let pack = office.packs()[damaged];
        office.flip(&pack, pack.size / 2);
        let to = office.tmp.path().join("to");
        let which = Which { snapshot: Some(of[wanted]), ..Which::default() };
        let options = RestoreOptions { which, ..RestoreOptions::everything(&to) };
        let (heard, stop) = (Heard::default(), Stop::default());
        let plan = plan(&mut office.repo, &options, &Silent, &stop).unwrap();
        let report = apply(plan, &mut office.repo, &heard, &stop).unwrap();
        assert_eq!(text(&to, ["documents", "email"][wanted]), "kept twice");
        assert_eq!(*heard.0.lock().unwrap(), report.problems);
        for problem in &report.problems {
            let words = ["packs/", "is damaged", "what was needed of it came from another pack"];
            assert!(problem.path.is_none() && words.iter().all(|word| problem.detail.contains(word)), "{problem:?}");
            assert_eq!(report.exit(), Exit::Damage);
        }
        told.push(report.problems.len());
    }
    told.sort_unstable();
    assert_eq!(told, [0, 1], "one of the two packs was preferred, and had to be read around");
}

#[test]
fn owners_that_this_computer_does_not_know_are_told_in_one_sentence() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return; // To anybody else, all files are their own.
    }
    let mut office = Office::open(21);
    let id = office.repo.chunk_key().id(b"evil");
    let mut all = ["A", "B"].map(|name| entry(name, file(Some(Piece::Raw(id, 4)), 4)));
    all.iter_mut().for_each(|entry| entry.meta.user = Some("nobody-of-this-computer".into()));
    office.plant("documents", all.to_vec(), &[b"evil"]);
    let report = office.restore(&RestoreOptions::everything(office.tmp.path().join("to"))).unwrap();
    assert_eq!(report.files, 2);
    let said: Vec<_> = report.warnings.iter().filter(|w| w.contains("nobody-of-this-computer")).collect();
    assert!(said.len() == 1 && said[0].contains("this computer does not know"), "{:?}", report.warnings);
}
