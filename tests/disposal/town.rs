//! A council with records to destroy: a store in memory with faults, one machine, a clock in hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::civil::date;
use jiff::tz::TimeZone;
use object_store::memory::InMemory;
use strongroom::domain::id::{NoteName, SnapshotId};
use strongroom::domain::listing::{Entry as Record, Kind, Piece};
use strongroom::domain::log::Entry;
use strongroom::domain::log::rulings::DisposalApproved;
use strongroom::domain::path::RecordPath;
use strongroom::domain::retention::plan::{Plan as DisposalPlan, PlannedRecord};
use strongroom::ops::backup::{BackupOptions, BackupReport, backup};
use strongroom::ops::fs::walk::Source;
use strongroom::ops::retention::apply::{ApplyOptions, ApplyReport, apply};
use strongroom::ops::retention::facts::{content_id, gather};
use strongroom::ops::retention::note::{APPROVAL, ApprovalNote};
use strongroom::ops::verify::{TestOptions, restore};
use strongroom::ops::{OpsError, Silent, Stop};
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::cut::base64::write_back;
use strongroom::repo::layout::{Key, NOTES, PACKS};
use strongroom::repo::listing::{read_page, read_pieces, read_root};
use strongroom::repo::machine::StateDir;
use strongroom::repo::pack::PackReader;
use strongroom::repo::reader::ChunkReader;
use strongroom::repo::repository::{Env, Repository};
use strongroom::repo::store::Store;
use strongroom::testing::{FakeClock, FaultStore, Plan, SeededEntropy};
use tokio::runtime::Runtime;

/// Every file of every kept snapshot: snapshot, `live` or `gone`, path, and its bytes.
pub type Everything = BTreeMap<(SnapshotId, bool, String), Vec<u8>>;

pub struct Town {
    pub runtime: Arc<Runtime>,
    pub memory: Arc<InMemory>,
    pub faults: FaultStore,
    pub clock: FakeClock,
    pub env: Env,
    pub tmp: tempfile::TempDir,
    pub own_clock: bool,
    state: Option<StateDir>,
}

/// Bytes that do not compress, different for each seed.
pub fn noise(seed: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

pub const SECRET: &str = "Documents/HR/secret.bin";

impl Town {
    pub fn new() -> Self {
        let town = Self::bare();
        let options = CreateOptions { machine_name: "office server".into(), write_only: false, single_machine: false };
        create(&town.store(), &town.dir(), &town.env, &options, |_| Ok(())).unwrap();
        town
    }

    /// A place without a repository.
    pub fn bare() -> Self {
        let town = Self::empty(Arc::new(InMemory::new()), runtime(), jiff::Timestamp::UNIX_EPOCH, 3);
        // In step with the store in memory, which stamps objects by the machine's own clock.
        let probe = Key::Probe("clock".into());
        town.store().create(&probe, &"tick".into()).unwrap();
        town.clock.set(town.store().get_dated(&probe).unwrap().1);
        town.store().delete(&probe).unwrap();
        town
    }

    /// Another computer of the same council, with its own files.
    pub fn beside(&self, dir: StateDir) -> Self {
        let mut town = Self::empty(Arc::clone(&self.memory), Arc::clone(&self.runtime), self.env.clock.now(), 5);
        (town.state, town.clock, town.env.clock) = (Some(dir), self.clock.clone(), self.env.clock.clone());
        town
    }

    fn empty(memory: Arc<InMemory>, runtime: Arc<Runtime>, now: jiff::Timestamp, seed: u64) -> Self {
        let faults = FaultStore::new(memory.clone(), Plan::none());
        let clock = FakeClock::at(now);
        let env = Env { clock: Arc::new(clock.clone()), entropy: Arc::new(SeededEntropy::new(seed)) };
        let tmp = private_folder();
        std::fs::create_dir_all(tmp.path().join("docs")).unwrap();
        Self { runtime, memory, faults, clock, env, tmp, own_clock: false, state: None }
    }

    /// The same once more, as it is now.
    pub fn fork(&self) -> Self {
        let town = Self::empty(Arc::new(self.memory.fork()), Arc::clone(&self.runtime), self.env.clock.now(), 9);
        copy(self.tmp.path(), town.tmp.path());
        town
    }

    pub fn store(&self) -> Store {
        let (inner, handle) = (Arc::new(self.faults.clone()), self.runtime.handle().clone());
        Store::new(inner, object_store::path::Path::default(), handle, "memory".into(), self.own_clock)
    }

    pub fn dir(&self) -> StateDir {
        self.state.clone().unwrap_or_else(|| StateDir::new(self.tmp.path().join("state")))
    }

    pub fn docs(&self) -> PathBuf {
        self.tmp.path().join("docs")
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.docs().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.docs().join(name)).unwrap();
    }

    pub fn open(&self) -> Repository {
        Repository::open_fresh(self.store(), self.dir(), self.env.clone()).unwrap()
    }

    /// Opens it with this machine's key and nothing else of its own: no local file is read, mended or written.
    pub fn look(&self) -> Repository {
        let machine = self.dir().load_machine().unwrap().unwrap();
        let id = machine.repository.unwrap();
        Repository::open_with_identity(self.store(), &machine.identity, id, self.env.clone()).unwrap()
    }

    pub fn options(&self) -> BackupOptions {
        let name = RecordPath::new("Documents").unwrap();
        BackupOptions::new("documents", vec![Source { name, path: self.docs() }])
    }

    pub fn try_backup(&self) -> Result<BackupReport, OpsError> {
        let mut repo = Repository::open(self.store(), self.dir(), self.env.clone())?;
        backup(&mut repo, &self.options(), &Silent, &Stop::default())
    }

    pub fn backup(&self) -> SnapshotId {
        let report = self.try_backup().unwrap();
        self.clock.advance(SignedDuration::from_secs(60));
        report.snapshot.unwrap()
    }

    /// A test restore of everything passes.
    pub fn test(&self) {
        let options = TestOptions { all: true, ..TestOptions::default() };
        let report = restore(&mut self.open(), &options, &Silent, &Stop::default()).unwrap();
        assert!(report.failed.is_empty(), "{report:?}");
    }

    /// A plan of these records, as they were last.
    pub fn plan(&self, paths: &[&str]) -> DisposalPlan {
        let mut repo = self.open();
        let newest = repo.state().newest("documents").unwrap().snapshot.root;
        let mut chunks = repo.chunks().unwrap();
        let root = read_root(&mut chunks, &newest).unwrap();
        let mut records = vec![];
        for page in root.gone.iter().chain(&root.live) {
            for entry in read_page(&mut chunks, page).unwrap() {
                if paths.iter().any(|p| entry.path.as_bytes() == p.as_bytes()) {
                    let (content, size) = (content_id(&entry), entry.size());
                    let (set, class, due) = ("documents".into(), "staff-files".into(), date(2026, 4, 1));
                    records.push(PlannedRecord { set, path: entry.path, content, class, size, due, snapshots: vec![] });
                }
            }
        }
        assert_eq!(records.len(), paths.len(), "every record is there to be disposed of");
        records.sort_by(|a, b| a.path.cmp(&b.path));
        DisposalPlan { on: date(2026, 11, 22), scheme_at: 0, after: 0, records }
    }

    /// A plan of one record that any kept listing has.
    pub fn plan_of_any(&self, path: &str) -> DisposalPlan {
        let mut repo = self.open();
        let facts = gather(&mut repo, &Silent, &Stop::default()).unwrap();
        let found = facts.find("documents", &RecordPath::new(path).unwrap()).unwrap();
        let r = &facts.records[found];
        let (set, class, due) = ("documents".into(), "staff-files".into(), date(2026, 4, 1));
        let (path, content, size) = (r.path.clone(), r.content, r.size);
        let record = PlannedRecord { set, path, content, class, size, due, snapshots: vec![] };
        DisposalPlan { on: date(2026, 11, 22), scheme_at: 0, after: 0, records: vec![record] }
    }

    /// Approves a plan without asking the law. The number of the approval, and its note.
    pub fn approve(&self, plan: &DisposalPlan) -> (u64, NoteName) {
        let mut repo = self.open();
        let (by, minute) = ("A. Clerk".to_owned(), "7c".to_owned());
        let written = ApprovalNote { kind: APPROVAL.into(), by, minute, large: false, plan: plan.clone() };
        let note = repo.put_note(&written).unwrap();
        let (records, bytes) = (plan.records.len() as u64, plan.bytes());
        let plan = plan.id(&repo.state().repository).to_string();
        let entry = Entry::DisposalApproved(DisposalApproved { plan, note, records, bytes });
        (repo.append(|_| Ok(Some(entry.clone()))).unwrap().unwrap(), note)
    }

    /// Carries it out, urgently, while nothing has changed.
    pub fn apply_now(&self, approval: u64) -> Result<ApplyReport, OpsError> {
        self.apply_with(approval, |o| o.urgent = Some("order of the court".into()))
    }

    /// Carries it out with the usual window.
    pub fn apply(&self, approval: u64) -> Result<ApplyReport, OpsError> {
        self.apply_with(approval, |_| ())
    }

    pub fn apply_with<'a>(
        &self,
        approval: u64,
        set: impl FnOnce(&mut ApplyOptions<'a>),
    ) -> Result<ApplyReport, OpsError> {
        let mut repo = Repository::open_fresh(self.store(), self.dir(), self.env.clone())?;
        let mut options = ApplyOptions {
            approval,
            urgent: None,
            person: false,
            large: false,
            zone: TimeZone::get("Europe/London").unwrap(),
            window: SignedDuration::from_hours(14 * 24),
            recheck: &|_| Ok(()),
        };
        set(&mut options);
        apply(&mut repo, &options, &Silent, &Stop::default())
    }

    /// Every file of every kept snapshot, read from the store.
    pub fn everything(&self) -> Everything {
        Self::everything_of(&mut self.open())
    }

    pub fn everything_of(repo: &mut Repository) -> Everything {
        let roots: Vec<_> = repo.state().live_snapshots().map(|s| (s.id, s.snapshot.root)).collect();
        let mut chunks = repo.chunks().unwrap();
        let mut all = Everything::new();
        for (id, root) in roots {
            let root = read_root(&mut chunks, &root).unwrap();
            for (pages, live) in [(&root.live, true), (&root.gone, false)] {
                for page in pages {
                    for entry in read_page(&mut chunks, page).unwrap().into_iter().filter(Record::is_file) {
                        all.insert((id, live, entry.path.to_string()), content(&mut chunks, &entry));
                    }
                }
            }
        }
        all
    }

    /// All that any key opens: every segment of every pack, every note, and every object's raw bytes.
    pub fn plain(&self) -> Vec<(String, Vec<u8>)> {
        Self::plain_of(&self.open())
    }

    pub fn plain_of(repo: &Repository) -> Vec<(String, Vec<u8>)> {
        let mut all = vec![];
        for listed in repo.store.list(PACKS).unwrap().0 {
            let Key::Pack(name) = listed.key else { continue };
            let stored = repo.store.get(&Key::Pack(name)).unwrap();
            all.push((format!("raw pack {}", name.short()), stored.to_vec()));
            let mut pack = PackReader::open(&name, stored, &repo.ring.reading).unwrap();
            for s in pack.directory().unwrap().segments {
                all.push((format!("pack {}", name.short()), pack.segment(s.offset, s.len, s.raw).unwrap()));
            }
        }
        for listed in repo.store.list(NOTES).unwrap().0 {
            let Key::Note(name) = listed.key else { continue };
            let note: serde_json::Value = repo.read_note(&name).unwrap();
            all.push((format!("note {}", name.short()), note.to_string().into_bytes()));
        }
        all
    }

    /// No stored byte, decrypted with every key, has any of these.
    pub fn assert_nowhere(&self, markers: &[Vec<u8>], why: &str) {
        Self::assert_not_in(&self.plain(), markers, why);
    }

    pub fn assert_not_in(plain: &[(String, Vec<u8>)], markers: &[Vec<u8>], why: &str) {
        for (place, bytes) in plain {
            for (at, marker) in markers.iter().enumerate() {
                let found = memchr::memmem::find(bytes, marker).is_some();
                assert!(!found, "{why}: marker {at} is still in {place}");
            }
        }
    }

    pub fn is_anywhere(&self, marker: &[u8]) -> bool {
        self.plain().iter().any(|(_, bytes)| memchr::memmem::find(bytes, marker).is_some())
    }
}

/// Stretches of a content: beginning, middle and end.
pub fn stretches(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (len, n) = (bytes.len(), 40);
    [0, len / 3, len / 2, len - n].iter().map(|at| bytes[*at..at + n].to_vec()).collect()
}

/// All but these records.
pub fn without(all: &Everything, paths: &[&str]) -> Everything {
    let keep = |path: &str| !paths.contains(&path);
    all.iter().filter(|((.., path), _)| keep(path)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn content(chunks: &mut ChunkReader<'_>, entry: &Record) -> Vec<u8> {
    let Kind::File(content) = &entry.kind else { return vec![] };
    let mut bytes = vec![];
    for piece in read_pieces(chunks, content).unwrap() {
        match piece {
            Piece::Raw(id, _) => bytes.extend(chunks.read(&id).unwrap()),
            Piece::Hole(len) => bytes.resize(bytes.len() + len as usize, 0),
            Piece::Decoded(id, _, len, form) => {
                bytes.extend(write_back(&chunks.read(&id).unwrap(), form, len as usize).unwrap());
            }
        }
    }
    bytes
}

fn runtime() -> Arc<Runtime> {
    Arc::new(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap())
}

/// In memory where there is room for it: what a disk would do to these files is no part of these tests.
fn private_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
            let modified = entry.metadata().unwrap().modified().unwrap();
            std::fs::File::options().append(true).open(&target).unwrap().set_modified(modified).unwrap();
        }
    }
}

/// The markers of a staff file, in all its versions; and the town that has it, deleted, in several snapshots.
pub fn town_with_secret() -> (Town, Vec<Vec<u8>>) {
    town_of([150_000, 220_000, 120_000])
}

/// The same with less to read: for what is done a hundred times.
pub fn small_town_with_secret() -> (Town, Vec<Vec<u8>>) {
    town_of([3_000, 4_000, 2_000])
}

fn town_of(sizes: [usize; 3]) -> (Town, Vec<Vec<u8>>) {
    let town = Town::new();
    let (first, second) = (noise(1, sizes[0]), noise(2, sizes[1]));
    town.write("HR/secret.bin", &first);
    town.write("minutes.txt", "resolved in May");
    town.write("plan.bin", noise(3, sizes[2]));
    town.backup();
    town.write("HR/secret.bin", &second);
    town.write("minutes.txt", "resolved in June");
    town.backup();
    town.remove("HR/secret.bin");
    town.write("HR/other.txt", "kept for ever");
    town.backup();
    town.write("minutes.txt", "resolved in July");
    town.backup();
    town.test();
    let markers = [stretches(&first), stretches(&second)].concat();
    (town, markers)
}
