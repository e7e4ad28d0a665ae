//! The stored format outlives the program: `docs/recover-without-strongroom.py`, written from the format page alone,
//! gives back every byte that the library stored, with stock `age`, `zstd` and `b3sum`.

#![allow(clippy::unwrap_used)]

#[path = "recover_without_strongroom/cut_off.rs"]
mod cut_off;
#[path = "recover_without_strongroom/decoded.rs"]
mod decoded;
#[path = "recover_without_strongroom/repaired.rs"]
mod repaired;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use strongroom::domain::clock::{Clock, Entropy};
use strongroom::domain::log::entry::{Entry, Snapshot};
use strongroom::domain::log::rulings::{DisposalApproved, DisposalWithdrawn, Relisting};
use strongroom::domain::path::RecordPath;
use strongroom::ops::backup::{BackupOptions, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::{Silent, Stop};
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::machine::StateDir;
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::seal::identity_line;
use strongroom::repo::store::{StoreOptions, open};

struct TestClock;
impl Clock for TestClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(1_800_000_000).unwrap()
    }
}
struct TestEntropy(std::sync::Mutex<u64>);
impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut n = self.0.lock().unwrap();
        *n += 1;
        blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(bytes);
    }
}

/// What a restored tree must agree in: type, mode, time, content or target, and which names are one inode.
#[derive(Debug, PartialEq)]
struct Record {
    kind: &'static str,
    mode: u32,
    time: (i64, i64),
    bytes: Vec<u8>,
    same_as: Option<OsString>,
}

/// Every record below `root`, by its path.
fn tree(root: &Path) -> BTreeMap<OsString, Record> {
    let mut found = BTreeMap::new();
    let mut inodes: BTreeMap<u64, OsString> = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    let mut paths: Vec<PathBuf> = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if fs::symlink_metadata(&path).unwrap().is_dir() {
                folders.push(path.clone());
            }
            paths.push(path);
        }
    }
    paths.sort();
    for path in paths {
        let meta = fs::symlink_metadata(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().as_os_str().to_owned();
        let (kind, bytes) = match meta.file_type() {
            t if t.is_dir() => ("folder", vec![]),
            t if t.is_symlink() => ("link", fs::read_link(&path).unwrap().into_os_string().into_vec()),
            _ => ("file", fs::read(&path).unwrap()),
        };
        let first = inodes.entry(meta.ino()).or_insert_with(|| name.clone());
        let same_as = (*first != name).then(|| first.clone());
        let (mode, time) = (meta.mode() & 0o7777, (meta.mtime(), meta.mtime_nsec()));
        found.insert(name, Record { kind, mode, time, bytes, same_as });
    }
    found
}

/// Bytes that do not compress and do not repeat.
fn noise(seed: &str, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A message with an attachment in base64, in lines of 76 characters ended by CR LF.
fn message(attachment: &[u8]) -> Vec<u8> {
    use base64::Engine;
    let coded = base64::engine::general_purpose::STANDARD.encode(attachment);
    let mut text =
        b"From: clerk@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"cut\"\r\n\r\n\
        --cut\r\nContent-Type: text/plain\r\n\r\nThe agenda is attached.\r\n\
        --cut\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            .to_vec();
    for line in coded.as_bytes().chunks(76) {
        text.extend_from_slice(line);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"--cut--\r\n");
    text
}

/// A council's folder with everything that is awkward about names and files.
fn furnish(docs: &Path) {
    for folder in ["Minutes", "Protokolle für März", "empty folder", "many"] {
        fs::create_dir_all(docs.join(folder)).unwrap();
    }
    fs::write(docs.join("Minutes/May.txt"), b"resolved").unwrap();
    fs::write(docs.join("Minutes/withdrawn.txt"), b"never mind").unwrap();
    fs::write(docs.join("Protokolle für März/Größe – 東京.txt"), "Grüße").unwrap();
    fs::write(docs.join(OsStr::from_bytes(b"caf\xe9 \xff\n.txt")), b"an old name").unwrap();
    fs::write(docs.join("empty"), b"").unwrap();
    fs::write(docs.join("plan.bin"), noise("plan", 3_000_000)).unwrap();
    fs::write(docs.join("agenda.eml"), message(&noise("agenda", 700_001))).unwrap();
    for n in 0..2_000 {
        fs::write(docs.join(format!("many/{n}.txt")), format!("document {n}\n").repeat(n % 7)).unwrap();
    }
    let mut sparse = fs::File::create(docs.join("sparse.img")).unwrap();
    sparse.set_len(20 << 20).unwrap();
    sparse.seek(SeekFrom::Start(9 << 20)).unwrap();
    sparse.write_all(&noise("sparse", 100_000)).unwrap();
    let mut holes = fs::File::create(docs.join("holes.img")).unwrap();
    for n in 0..1_000 {
        holes.seek(SeekFrom::Start(n << 16)).unwrap();
        holes.write_all(&noise(&format!("hole {n}"), 4096)).unwrap();
    }
    fs::hard_link(docs.join("plan.bin"), docs.join("Minutes/annex.bin")).unwrap();
    symlink("../Minutes/May.txt", docs.join("many/latest")).unwrap();
    symlink("/nowhere/at all", docs.join("dangling")).unwrap();
    fs::set_permissions(docs.join("Minutes/May.txt"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::set_permissions(docs.join("empty"), fs::Permissions::from_mode(0o400)).unwrap();
    fs::set_permissions(docs.join("empty folder"), fs::Permissions::from_mode(0o550)).unwrap();
}

/// A repository in a folder, with one key on a sheet, and the council's tree before and after a day's work.
struct Stored {
    tmp: tempfile::TempDir,
    before: BTreeMap<OsString, Record>,
    after: BTreeMap<OsString, Record>,
}

impl Stored {
    fn new() -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let docs = tmp.path().join("docs");
        furnish(&docs);
        let rt = tokio::runtime::Runtime::new().unwrap();
        let url = format!("file://{}", tmp.path().join("bucket").display());
        let options = StoreOptions { url, create_folder: true, ..Default::default() };
        let store = open(&options, rt.handle()).unwrap();
        let env = Env { clock: Arc::new(TestClock), entropy: Arc::new(TestEntropy(std::sync::Mutex::new(0))) };
        let dir = StateDir::new(tmp.path().join("state"));
        let options = CreateOptions { machine_name: "office server".into(), write_only: false, single_machine: false };
        let sheet = tmp.path().join("recovery.txt");
        create(&store, &dir, &env, &options, |recovery| {
            let lines = format!("# repository {}\n{}\n", recovery.repository, &*identity_line(&recovery.identity));
            fs::write(&sheet, lines).unwrap();
            Ok(())
        })
        .unwrap();
        let mut repo = Repository::open(store, dir, env).unwrap();
        let source = Source { name: RecordPath::new("Documents").unwrap(), path: docs.clone() };
        let options = BackupOptions::new("documents", vec![source]);
        let first = backup(&mut repo, &options, &Silent, &Stop::default()).unwrap();
        assert_eq!(first.problems.len(), 0);
        let before = tree(&docs);
        fs::write(docs.join("Minutes/May.txt"), b"resolved and signed").unwrap();
        fs::remove_file(docs.join("Minutes/withdrawn.txt")).unwrap();
        let second = backup(&mut repo, &options, &Silent, &Stop::default()).unwrap();
        assert_eq!((second.problems.len(), second.files_gone), (0, 1));
        let after = tree(&docs);
        Self { tmp, before, after }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tmp.path().join(name)
    }

    /// The script, run as by somebody who has only the bucket, the recovery sheet and the stock tools.
    fn script(&self, arguments: &[&str]) -> Said {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recover-without-strongroom.py");
        let mut command = python();
        command.arg(script).arg("--repository").arg(self.path("bucket"));
        command.arg("--identity").arg(self.path("recovery.txt")).args(arguments).current_dir(self.tmp.path());
        Said::of(&command.output().unwrap())
    }

    fn restored(&self, name: &str) -> BTreeMap<OsString, Record> {
        tree(&self.path(name).join("documents/Documents"))
    }
}

/// How the script ended and what it said.
#[derive(Debug)]
struct Said {
    well: bool,
    out: String,
    err: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { well: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

/// Python, once it is certain that what the script needs is there.
fn python() -> Command {
    for tool in ["age", "zstd", "b3sum", "openssl"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|folder| folder.join(tool).is_file());
        assert!(found, "the tool `{tool}` is not installed: run tests/all.sh, which installs it");
    }
    let python = std::env::var_os("STRONGROOM_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(python);
    let there = command.arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(there, "Python is not installed: run tests/all.sh, which installs it");
    Command::new(command.get_program())
}

/// Compares two trees record by record: a failure names the path and not 20 MiB of content.
fn assert_same(restored: &BTreeMap<OsString, Record>, stored: &BTreeMap<OsString, Record>) {
    assert_eq!(restored.keys().collect::<Vec<_>>(), stored.keys().collect::<Vec<_>>());
    for (path, record) in stored {
        let found = &restored[path];
        assert!(found.bytes == record.bytes, "{path:?}: {} bytes, not those stored", found.bytes.len());
        let told = |r: &Record| (r.kind, r.mode, r.time, r.same_as.clone());
        assert_eq!(told(found), told(record), "{path:?}");
    }
}

#[test]
fn the_script_gives_back_what_was_stored() {
    let stored = Stored::new();
    let refused = stored.script(&["--to", "out", "--id", &"ab".repeat(32)]);
    assert!(!refused.well && refused.err.contains("this is not the repository"), "{refused:?}");
    assert!(!stored.path("out").exists());

    let newest = stored.script(&["--to", "out"]);
    assert!(newest.well && newest.err.is_empty(), "{newest:?}");
    assert_same(&stored.restored("out"), &stored.after);

    let list = stored.script(&["--list"]);
    let numbers: Vec<&str> = list.out.lines().filter_map(|l| l.strip_prefix("snapshot ")?.split(' ').next()).collect();
    assert!(list.well && numbers.len() == 2, "{list:?}");
    let first = stored.script(&["--to", "first", "--snapshot", numbers[0]]);
    assert!(first.well && first.err.is_empty(), "{first:?}");
    assert_same(&stored.restored("first"), &stored.before);

    let gone = stored.script(&["--to", "gone", "--set", "documents", "--gone"]);
    assert!(gone.well && gone.err.is_empty(), "{gone:?}");
    let files: Vec<_> = stored.restored("gone").into_iter().filter(|(_, record)| record.kind == "file").collect();
    assert_eq!(files.len(), 1);
    assert_eq!((files[0].0.as_bytes(), &*files[0].1.bytes), (&b"Minutes/withdrawn.txt"[..], &b"never mind"[..]));

    fs::write(stored.path("out/documents/Documents/Minutes/May.txt"), b"edited since").unwrap();
    let again = stored.script(&["--to", "out"]);
    assert!(!again.well && again.err.contains("File exists"), "{}", again.out);
    assert_eq!(fs::read(stored.path("out/documents/Documents/Minutes/May.txt")).unwrap(), b"edited since");
    damage_is_named_and_the_rest_restored(&stored);
}

/// A pack with a flipped bit, a log entry that is none and one that is missing.
fn damage_is_named_and_the_rest_restored(stored: &Stored) {
    let mut packs: Vec<PathBuf> = vec![];
    for folder in fs::read_dir(stored.path("bucket/packs")).unwrap() {
        packs.extend(fs::read_dir(folder.unwrap().path()).unwrap().map(|pack| pack.unwrap().path()));
    }
    let largest = packs.iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    let mut bytes = fs::read(largest).unwrap();
    let half = bytes.len() / 2;
    bytes[half] ^= 1;
    fs::write(largest, bytes).unwrap();
    fs::write(stored.path("bucket/log/0000000001.age"), b"not what was there").unwrap();
    fs::remove_file(stored.path("bucket/log/0000000003.age")).unwrap();

    let said = stored.script(&["--to", "damaged", "--snapshot", "2"]);
    assert!(!said.well, "{}", said.out);
    for words in ["before entry 2 stands not what its author saw", "entry 3 is missing", "INCOMPLETE"] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    let restored = stored.restored("damaged");
    let lost = |path: &OsString| restored.get(path).is_none_or(|found| found.bytes != stored.before[path].bytes);
    let lost: Vec<_> = stored.before.keys().filter(|path| lost(path)).collect();
    assert!(!lost.is_empty() && lost.len() < stored.before.len(), "{} records", lost.len());
    for path in lost {
        assert!(
            path.to_str().is_none_or(|text| said.err.contains(text)),
            "{path:?} is wrong and was not named: {}",
            said.err
        );
    }
}

/// Says it in the log; gives the entry's number.
fn say(repo: &mut Repository, entry: Entry) -> u64 {
    repo.append(|_| Ok(Some(entry.clone()))).unwrap().unwrap()
}

#[test]
fn a_listing_that_a_disposal_wrote_anew_is_followed() {
    let stored = Stored::new();
    let (rt, docs) = (tokio::runtime::Runtime::new().unwrap(), stored.path("docs"));
    let url = format!("file://{}", stored.path("bucket").display());
    let store = open(&StoreOptions { url, ..Default::default() }, rt.handle()).unwrap();
    // Chance must not repeat itself: the repository was made with the first numbers.
    let env = Env { clock: Arc::new(TestClock), entropy: Arc::new(TestEntropy(std::sync::Mutex::new(1 << 32))) };
    let mut repo = Repository::open(store, StateDir::new(stored.path("state")), env).unwrap();
    let [first, second] = [0, 1].map(|n| repo.state().snapshots[n].clone());
    // A listing of the same documents that never had what was deleted.
    let source = Source { name: RecordPath::new("Documents").unwrap(), path: docs };
    let clean = backup(&mut repo, &BackupOptions::new("clean", vec![source]), &Silent, &Stop::default()).unwrap();
    let clean = repo.state().snapshot(clean.snapshot.unwrap()).unwrap().snapshot.clone();
    let gone = |to: &str| {
        let said = stored.script(&["--to", to, "--set", "documents", "--gone"]);
        assert!(said.well && !said.err.contains("void: its author"), "{said:?}");
        stored.path(to).join("documents/Documents/Minutes/withdrawn.txt").exists()
    };
    let relist = |approval: u64, like: &Snapshot| {
        let (root, needs) = (like.root, like.needs.clone());
        Entry::Relisted { approval, roots: vec![Relisting { snapshot: second.id, root, needs }] }
    };
    let note = repo.put_note(&serde_json::json!({"kind": "disposal", "records": ["Minutes/withdrawn.txt"]})).unwrap();
    let approved = DisposalApproved { plan: "2027-01-15-00000000".into(), note, records: 1, bytes: 10 };
    let approval = say(&mut repo, Entry::DisposalApproved(approved));
    say(&mut repo, relist(approval, &first.snapshot)); // void: nothing was withdrawn
    assert!(gone("before"));
    say(&mut repo, Entry::DisposalWithdrawn(DisposalWithdrawn { approval, urgent: true, register: note, note: None }));
    assert!(gone("withdrawn"));
    say(&mut repo, relist(approval, &clean));
    say(&mut repo, Entry::DisposalDone { approval, certificate: note });
    say(&mut repo, relist(approval, &first.snapshot)); // void: it is done
    assert_eq!(repo.state().voids.len(), 2);
    assert!(!gone("after"));
    let newest = stored.script(&["--to", "newest", "--set", "documents"]);
    assert!(newest.well, "{newest:?}");
    assert_same(&stored.restored("newest"), &stored.after);
    let old = stored.script(&["--to", "old", "--snapshot", &first.id.to_string()]);
    assert!(old.well, "{old:?}");
    assert_same(&stored.restored("old"), &stored.before);
}
