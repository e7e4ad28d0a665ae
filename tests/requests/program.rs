//! What the program itself asks of an S3 server: exact counts, for the three things that are done most.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use bytes::Bytes;
use strongroom::domain::id::PackName;
use strongroom::repo::pack::PackReader;
use strongroom::repo::repository::Repository;
use strongroom::repo::seal::Identity;
use strongroom::repo::store::Store;

use crate::support::world::World;

use crate::support::s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};

/// An office with its documents, and a bucket.
struct Office {
    server: S3Server,
    tmp: tempfile::TempDir,
}

impl Office {
    /// After `init`, and a first backup of this many documents in as many folders.
    fn with(documents: usize) -> Self {
        let office = Self { server: S3Server::start(), tmp: tempfile::tempdir().unwrap() };
        for n in 0..documents {
            office.write(&format!("{}/{n}.txt", n % 20), format!("Minutes of meeting {n}.\n").repeat(40).as_bytes());
        }
        let text = format!(
            "[council]\nname = \"A\"\ndomains = [\"a.gov.uk\"]\nclerk = {{ name = \"C\", email = \"c@a.gov.uk\" }}\n\
             provider = {{ name = \"P\", phone = \"1\", email = \"p@p.uk\" }}\n[repository]\nurl = \"s3://{BUCKET}/anytown\"\n\
             endpoint = \"{}\"\nallow_http = true\nregion = \"eu-west-2\"\naccess_key_id_env = \"KEY\"\n\
             secret_access_key_env = \"SECRET\"\n[[set]]\nname = \"documents\"\nfolders = [\"{}\"]\n",
            office.server.url(),
            office.tmp.path().join("Documents").display(),
        );
        std::fs::create_dir_all(office.tmp.path().join("home")).unwrap();
        std::fs::write(office.tmp.path().join("home/council.toml"), text).unwrap();
        let sheet = office.tmp.path().join("sheet.txt");
        office.asks(&["init", "--recovery-key-file", sheet.to_str().unwrap()]);
        office.asks(&["backup"]);
        office
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.tmp.path().join("Documents").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Runs a command that ends well; what it asked of the server, each as method and kind of object.
    fn asks(&self, words: &[&str]) -> Vec<String> {
        let (asked, said) = self.ends(words);
        assert!(said.status.success(), "{words:?}: {}", String::from_utf8_lossy(&said.stderr));
        asked
    }

    fn ends(&self, words: &[&str]) -> (Vec<String>, std::process::Output) {
        self.server.asked.lock().unwrap().clear();
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.tmp.path());
        command.env("KEY", ACCESS_KEY).env("SECRET", SECRET_KEY).current_dir(self.tmp.path());
        let said = command.arg("--home").arg(self.tmp.path().join("home")).args(words).output().unwrap();
        let asked = self.server.asked.lock().unwrap();
        (asked.iter().map(|line| in_short(line)).collect(), said)
    }
}

fn in_short(line: &str) -> String {
    let (method, address) = line.split_once(' ').unwrap();
    let kind = match address.split_once("list-type") {
        Some(_) => "list",
        None => address.split("/anytown/").nth(1).map_or("bucket", |below| below.split('/').next().unwrap()),
    };
    format!("{method} {kind}")
}

/// An unchanged night: one look at where the log ends and which packs are there, the snapshot, and its entry read back.
#[test]
fn a_backup_of_nothing_new_asks_three_times() {
    let office = Office::with(60);
    let wanted = ["GET list", "PUT log", "GET log"];
    for night in 0..3 {
        assert_eq!(office.asks(&["backup"]), wanted, "night {night}");
    }
}

/// A week: two packs and the index at the same time, the entry that says so beside a look whether they are there, the
/// snapshot, and its entry read back. Then one record: where the log ends, root and page of the listing, and its own pack.
#[test]
fn a_week_asks_eight_times_and_bringing_one_record_back_five() {
    let office = Office::with(2000);
    office.write("3/3.txt", b"Minutes as amended.");
    office.write("4/new.txt", b"A new minute.");
    let mut asked = office.asks(&["backup"]);
    // Packs and index go together, and so do the entry that names them and the look.
    asked[1..4].sort();
    asked[4..6].sort();
    let week = ["GET list", "PUT index", "PUT packs", "PUT packs", "GET list", "PUT log", "PUT log", "GET log"];
    assert_eq!(asked, week);
    let one = ["GET log", "GET log", "GET packs", "GET packs", "GET packs"];
    for name in ["7/27.txt", "4/new.txt"] {
        assert_eq!(office.asks(&["cat", &format!("Documents/{name}")]), one, "{name}");
    }
    // A limit changes how fast it goes, not what is asked.
    let limited = ["--limit-upload", "64MiB", "--limit-download", "64MiB"];
    assert_eq!(office.asks(&[&["cat", "Documents/7/27.txt"], &limited[..]].concat()), one);
    assert_eq!(office.asks(&[&["backup"], &limited[..]].concat()), ["GET list", "PUT log", "GET log"]);
    assert_eq!(office.asks(&["find", "new"]), one[..4]);
}

/// The whole job, with its test, its check and its prune: counted, so that nothing is added unnoticed.
#[test]
fn a_whole_run_of_nothing_new_asks_no_more_than_it_did() {
    let office = Office::with(60);
    for _ in 0..2 {
        office.ends(&["run"]);
    }
    let (asked, _) = office.ends(&["run"]);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    asked.iter().for_each(|a| *counts.entry(a).or_default() += 1);
    // Prune reads the whole log: no local file decides a deletion. The other entries are read because each step looks
    // whether somebody said something since.
    let entries = std::fs::read_dir(office.server.folder.join(BUCKET).join("anytown/log")).unwrap().count();
    let log = counts.remove("GET log").unwrap();
    assert!(log <= entries + 25, "{log} for {entries} entries");
    let wanted = [
        ("GET heartbeat", 1),
        ("GET index", 1),
        ("GET keys", 2),
        ("GET list", 9),
        ("GET packs", 4),
        ("PUT heartbeat", 1),
        ("PUT log", 5),
    ];
    assert_eq!(counts, wanted.into());
}

/// Whoever has the state folder of another time is not misled by what it remembers of the log's end.
#[test]
fn a_log_that_went_on_or_back_is_met_whatever_the_listing_looks_like() {
    let office = Office::with(20);
    let log = office.server.folder.join(BUCKET).join("anytown/log");
    let newest = || std::fs::read_dir(&log).unwrap().map(|e| e.unwrap().path()).max().unwrap();
    // The newest entry is gone: nothing is written.
    let (kept, gone) = (office.tmp.path().join("kept"), newest());
    std::fs::rename(&gone, &kept).unwrap();
    let (asked, said) = office.ends(&["backup"]);
    assert_eq!(said.status.code(), Some(4), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(asked.iter().all(|a| a.starts_with("GET ")), "{asked:?}");
    std::fs::rename(&kept, &gone).unwrap();
    // A state folder of yesterday: what was said since is read, and nothing is put over it.
    let (home, old) = (office.tmp.path().join("home/state"), office.tmp.path().join("old"));
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let _ = std::fs::remove_dir_all(to);
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    };
    copy(&home, &old);
    office.asks(&["backup"]);
    let (there, bytes) = (newest(), std::fs::read(newest()).unwrap());
    copy(&old, &home);
    office.asks(&["backup"]);
    assert!(std::fs::read(there).unwrap() == bytes);
}

/// A key was taken away a moment ago, and the listing does not show it yet: nothing that is sealed to it gets into the log.
#[test]
fn what_was_sealed_to_keys_of_a_moment_ago_is_never_named() {
    let office = Office::with(20);
    let sheet = office.tmp.path().join("sheet.txt");
    let there = |folder: &str| -> BTreeSet<std::path::PathBuf> {
        let below = walk(&office.server.folder.join(BUCKET).join("anytown").join(folder));
        below.into_iter().filter(|path| path.is_file()).collect()
    };
    let (packs, entries) = (there("packs"), there("log"));
    let old = seen_by(&office, &sheet).ring.reading;
    // As another computer does it, of which this one knows nothing.
    let (home, kept) = (office.tmp.path().join("home/state"), office.tmp.path().join("kept"));
    assert!(Command::new("cp").arg("-a").args([&home, &kept]).status().unwrap().success());
    office.asks(&["key", "rotate", "--recovery-key-file", sheet.to_str().unwrap()]);
    std::fs::remove_dir_all(&home).unwrap();
    std::fs::rename(&kept, &home).unwrap();
    let new: Vec<_> = there("log").difference(&entries).cloned().collect();
    assert!(!new.is_empty());
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    *office.server.hidden.lock().unwrap() = new.iter().map(name).collect();
    office.write("3/3.txt", b"Minutes as amended.");
    let asked = office.asks(&["backup"]);
    office.server.hidden.lock().unwrap().clear();
    assert!(asked.contains(&"GET keys".to_owned()), "the new keys are fetched: {asked:?}");
    let opens = |path: &std::path::PathBuf, keys: &[Identity]| {
        let stored = Bytes::from(std::fs::read(path).unwrap());
        PackReader::open(&PackName::of(&stored), stored, keys).is_ok()
    };
    let (now, stored) = (seen_by(&office, &sheet), there("packs"));
    let is_named = |path: &&std::path::PathBuf| {
        let name = PackName::of(&std::fs::read(path).unwrap());
        now.state().packs.iter().any(|p| p.pack.name == name)
    };
    let (fresh, left): (Vec<_>, Vec<_>) = stored.difference(&packs).partition(is_named);
    assert!(!fresh.is_empty() && fresh.iter().all(|path| opens(path, &now.ring.reading) && !opens(path, &old)));
    assert!(!left.is_empty() && left.iter().all(|path| opens(path, &old)), "what had been put is named nowhere");
    assert!(packs.iter().all(|path| opens(path, &old)));
    office.asks(&["cat", "Documents/3/3.txt"]);
}

/// What the holder of the sheet sees now.
fn seen_by(office: &Office, sheet: &std::path::Path) -> Repository {
    let (text, world) = (std::fs::read_to_string(sheet).unwrap(), World::new());
    let memory =
        object_store::local::LocalFileSystem::new_with_prefix(office.server.folder.join(BUCKET).join("anytown"));
    let store = Store::new(
        std::sync::Arc::new(memory.unwrap()),
        object_store::path::Path::default(),
        world.runtime.handle().clone(),
        "folder".into(),
        false,
    );
    let id = text.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    Repository::open_with_identity(store, &Identity::from_file_text(&text).unwrap(), id, world.env()).unwrap()
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
