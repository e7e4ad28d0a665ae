//! After a repair the damaged objects lie there still: the script takes what was put beside them, and complains of nothing.

use strongroom::ops::repair::{RepairOptions, repair};

use super::*;

fn spoil(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 0x20;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_repaired_repository_is_read_as_if_nothing_had_been() {
    let stored = Stored::new();
    let (rt, docs) = (tokio::runtime::Runtime::new().unwrap(), stored.path("docs"));
    let url = format!("file://{}", stored.path("bucket").display());
    let store = open(&StoreOptions { url, ..Default::default() }, rt.handle()).unwrap();
    let env = Env { clock: Arc::new(TestClock), entropy: Arc::new(TestEntropy(std::sync::Mutex::new(1 << 33))) };
    let mut repo = Repository::open(store, StateDir::new(stored.path("state")), env).unwrap();
    let pack = repo.state().packs.iter().max_by_key(|p| p.pack.size).unwrap().pack.name.to_hex();
    let index = repo.state().indexes[0].index.name;
    spoil(&stored.path("bucket").join(format!("packs/{}/{pack}.age", &pack[..2])));
    spoil(&stored.path("bucket").join(format!("index/{index}.age")));
    assert!(!stored.script(&["--to", "before", "--set", "documents"]).well);
    let source = Source { name: RecordPath::new("Documents").unwrap(), path: docs };
    let options = RepairOptions { all: true, sets: vec![BackupOptions::new("documents", vec![source])] };
    let done = repair(&mut repo, &options, &Silent, &Stop::default()).unwrap();
    // What was deleted before the damage may be lost; what is there is not.
    assert!(done.indexes == 1 && done.lost.iter().all(|l| !l.live) && done.not_backed_up.is_empty(), "{done:?}");
    let said = stored.script(&["--to", "after", "--set", "documents"]);
    assert!(said.well, "{said:?}");
    assert_same(&stored.restored("after"), &stored.after);
}
