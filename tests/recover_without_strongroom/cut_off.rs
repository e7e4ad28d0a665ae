//! An actor was cut off from an entry on: the script believes nothing that it said from there on.

use strongroom::domain::log::Role;
use strongroom::ops::roster::revoke;
use strongroom::repo::seal::Identity;

use super::*;

#[test]
fn what_a_cut_off_actor_said_is_not_believed() {
    let stored = Stored::new();
    let (rt, docs) = (tokio::runtime::Runtime::new().unwrap(), stored.path("docs"));
    let url = format!("file://{}", stored.path("bucket").display());
    let store = open(&StoreOptions { url, ..Default::default() }, rt.handle()).unwrap();
    let env = Env { clock: Arc::new(TestClock), entropy: Arc::new(TestEntropy(std::sync::Mutex::new(1 << 32))) };
    let dir = StateDir::new(stored.path("state"));
    let mut repo = Repository::open(store.clone(), dir, env.clone()).unwrap();
    let second = repo.state().snapshots[1].clone();
    // A thief with the server's keys: a backup of rubbish, and listings that show nothing but it.
    let from = repo.state().next;
    fs::write(docs.join("Minutes/May.txt"), b"resolved to pay the thief").unwrap();
    let source = Source { name: RecordPath::new("Documents").unwrap(), path: docs };
    let theirs = backup(&mut repo, &BackupOptions::new("documents", vec![source]), &Silent, &Stop::default()).unwrap();
    let theirs = repo.state().snapshot(theirs.snapshot.unwrap()).unwrap().clone();
    let note = repo.put_note(&serde_json::json!({"kind": "disposal"})).unwrap();
    let approved = DisposalApproved { plan: "2027-01-15-00000000".into(), note, records: 1, bytes: 10 };
    let approval = say(&mut repo, Entry::DisposalApproved(approved));
    say(&mut repo, Entry::DisposalWithdrawn(DisposalWithdrawn { approval, urgent: true, register: note, note: None }));
    let (root, needs) = (theirs.snapshot.root, theirs.snapshot.needs.clone());
    let roots = vec![Relisting { snapshot: second.id, root, needs }];
    say(&mut repo, Entry::Relisted { approval, roots });
    let shown = |to: &str, arguments: &[&str]| {
        let said = stored.script(&[&["--to", to, "--set", "documents"], arguments].concat());
        assert!(said.well, "{said:?}");
        (fs::read(stored.path(to).join("documents/Documents/Minutes/May.txt")).unwrap(), said)
    };
    assert_eq!(shown("believed", &[]).0, b"resolved to pay the thief");
    assert_eq!(shown("hidden", &["--snapshot", &second.id.to_string()]).0, b"resolved to pay the thief");

    let sheet = fs::read_to_string(stored.path("recovery.txt")).unwrap();
    let key = Identity::from_file_text(&sheet).unwrap();
    let id = repo.state().repository;
    let mut root = Repository::open_with_identity(store.clone(), &key, id, env).unwrap();
    let actors: Vec<_> = root.state().actors.values().filter(|(a, ..)| !a.roles.contains(&Role::Root)).collect();
    let actors: Vec<_> = actors.into_iter().map(|(a, ..)| a.key).collect();
    assert!(revoke(&mut root, &actors, Some(from)).unwrap() > 0);
    let (newest, said) = shown("cut", &[]);
    assert_eq!(newest, b"resolved and signed", "the newest that counts is the one before the thief");
    assert!(said.err.contains("void: its author is not on the roster, or revoked"), "{said:?}");
    assert_same(&stored.restored("cut"), &stored.after);
    assert_eq!(shown("unhidden", &["--snapshot", &second.id.to_string()]).0, b"resolved and signed");
    let theirs = stored.script(&["--to", "theirs", "--snapshot", &theirs.id.to_string()]);
    assert!(!theirs.well && theirs.err.contains("there is no such snapshot"), "{theirs:?}");
    let chance = Arc::new(TestEntropy(std::sync::Mutex::new(1 << 40)));
    let env = Env { clock: Arc::new(TestClock), entropy: chance };
    let library = Repository::open_with_identity(store, &key, id, env).unwrap();
    assert_eq!(library.state().newest("documents").unwrap().id, second.id, "the library says the same");
}
