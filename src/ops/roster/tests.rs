//! Keys given, taken and changed, over a store in memory, with a second machine that must follow.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path as StorePath;

use super::*;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::id::RepositoryId;
use crate::repo::create::{CreateOptions, create};
use crate::repo::machine::StateDir;
use crate::repo::repository::Env;
use crate::repo::store::Store;

struct Fixed;
impl Clock for Fixed {
    fn now(&self) -> jiff::Timestamp {
        "2026-11-22T02:30:00Z".parse().unwrap()
    }
}
struct Counting(std::sync::Mutex<u64>);
impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let mut n = self.0.lock().unwrap();
        *n += 1;
        blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(bytes);
    }
}

struct World {
    _runtime: tokio::runtime::Runtime,
    tmp: tempfile::TempDir,
    store: Store,
    env: Env,
    id: RepositoryId,
    sheet: Identity,
}

/// A store in memory, a folder for state, and how the first machine is to be made.
fn ground() -> (tokio::runtime::Runtime, tempfile::TempDir, Store, Env, CreateOptions) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let tmp = tempfile::tempdir().unwrap();
    let inner = Arc::new(InMemory::new());
    let store = Store::new(inner, StorePath::default(), runtime.handle().clone(), "memory".into(), false);
    let env = Env { clock: Arc::new(Fixed), entropy: Arc::new(Counting(std::sync::Mutex::new(0))) };
    let options = CreateOptions { machine_name: "office server".into(), write_only: false, single_machine: false };
    (runtime, tmp, store, env, options)
}

impl World {
    fn new() -> Self {
        let (runtime, tmp, store, env, options) = ground();
        let mut sheet = None;
        let dir = StateDir::new(tmp.path().join("office"));
        let id = create(&store, &dir, &env, &options, |r| {
            sheet = Some(r.identity.clone());
            Ok(())
        });
        Self { _runtime: runtime, tmp, store, env, id: id.unwrap(), sheet: sheet.unwrap() }
    }
    fn dir(&self, name: &str) -> StateDir {
        StateDir::new(self.tmp.path().join(name))
    }
    fn machine(&self, name: &str) -> Result<Repository, RepoError> {
        Repository::open(self.store.clone(), self.dir(name), self.env.clone())
    }
    fn with(&self, identity: &Identity) -> Result<Repository, RepoError> {
        Repository::open_with_identity(self.store.clone(), identity, self.id, self.env.clone())
    }
    fn root(&self) -> Repository {
        self.with(&self.sheet).unwrap()
    }
    fn join(&self, name: &str) {
        let mut machine = Machine::generate(name, true, &[Role::Writer], &*self.env.entropy);
        let request = JoinRequest::parse(&JoinRequest::of(&machine).to_line()).unwrap();
        admit(&mut self.root(), &request).unwrap();
        machine.repository = Some(self.id);
        self.dir(name).save_machine(&machine).unwrap();
    }
    fn holder(&self, name: &str) -> KeyholderId {
        self.root().state().keyholders.iter().find(|k| k.name == name).unwrap().id
    }
}

/// Anything a machine may say.
fn speak(repo: &mut Repository) -> Result<Option<u64>, RepoError> {
    let said = Entry::Restored { snapshot: None, files: 1, bytes: 1 };
    repo.append(|_| Ok(Some(said.clone())))
}

#[test]
fn every_holder_goes_on_after_a_rotation() {
    let world = World::new();
    world.join("depot");
    let mut depot = world.machine("depot").unwrap();
    speak(&mut depot).unwrap();
    assert_eq!(rotate(&mut world.root(), &world.sheet).unwrap(), 2);
    // One machine was open all along, the other opens anew; both read what the other says under the new keys.
    let mut office = world.machine("office").unwrap();
    let n = speak(&mut office).unwrap().unwrap();
    assert_eq!(speak(&mut depot).unwrap(), Some(n + 1));
    office.refresh().unwrap();
    assert_eq!((office.state().next, office.state().voids.len()), (n + 2, 0));
    assert_eq!(office.ring.writing.len(), 2);
    assert_eq!(rotate(&mut world.root(), &world.sheet).unwrap(), 3);
    assert_eq!(world.machine("depot").unwrap().state().epoch().number, 3);
    assert_eq!(world.root().ring.reading.len(), 3);
}

#[test]
fn who_was_removed_opens_nothing_that_follows() {
    let world = World::new();
    world.join("depot");
    let deputy = Identity::generate();
    let given = deputy.recipient().to_string();
    add_keyholder(&mut world.root(), &world.sheet, "deputy", &given, true).unwrap();
    assert!(world.with(&deputy).unwrap().can_read());
    assert_eq!(remove_keyholder(&mut world.root(), &world.sheet, world.holder("deputy")).unwrap(), 2);
    let removed = world.holder("depot");
    assert_eq!(remove_keyholder(&mut world.root(), &world.sheet, removed).unwrap(), 3);
    speak(&mut world.machine("office").unwrap()).unwrap();
    assert!(matches!(world.machine("depot").err(), Some(RepoError::WrongKey)));
    assert!(world.with(&deputy).is_err());
    // Again: finished already, no further epoch.
    assert_eq!(remove_keyholder(&mut world.root(), &world.sheet, removed).unwrap(), 3);
}

#[test]
fn an_epoch_that_was_cut_short_is_finished_with_its_keys_and_never_given_to_the_removed() {
    let world = World::new();
    world.join("depot");
    // Cut short after all bundles were stored, before the entry.
    let repo = world.root();
    let ring = next_ring(&repo, &world.sheet, 2).unwrap();
    for holder in &repo.state().keyholders {
        put_bundle(&repo, &ring, 2, holder).unwrap();
    }
    assert_eq!(world.machine("depot").unwrap().state().epoch().number, 1);
    assert_eq!(remove_keyholder(&mut world.root(), &world.sheet, world.holder("depot")).unwrap(), 3);
    assert_eq!(world.root().state().epochs[1].writing, ring.writing[0].recipient().to_string());
    speak(&mut world.machine("office").unwrap()).unwrap();
    assert!(matches!(world.machine("depot").err(), Some(RepoError::WrongKey)));
}

/// The name of the next epoch's key file is no secret: whoever may write into the store can be there first.
#[test]
fn a_key_file_planted_under_the_next_epochs_name_is_refused() {
    let world = World::new();
    world.join("depot");
    let planted = |r: Result<u32, OpsError>, key: &Key| match r {
        Err(OpsError::Repo(RepoError::BundlePlanted(name))) => assert_eq!(name, key.to_string()),
        other => panic!("{other:?}"),
    };
    let (sheet, depot) = (world.root().ring.keyholder, world.holder("depot"));
    // Our own bundle of the epoch of now: its keys, which the removed have, would be those of the next.
    let old = world.store.get(&Key::Bundle(sheet, 1)).unwrap();
    world.store.create(&Key::Bundle(sheet, 2), &old).unwrap();
    planted(rotate(&mut world.root(), &world.sheet), &Key::Bundle(sheet, 2));
    planted(remove_keyholder(&mut world.root(), &world.sheet, depot), &Key::Bundle(sheet, 2));
    assert_eq!(world.root().state().epoch().number, 1);
    // One of somebody else's making, and another's old one.
    for (world, forged) in [(World::new(), true), (World::new(), false)] {
        world.join("depot");
        let (sheet, depot) = (world.root().ring.keyholder, world.holder("depot"));
        let recipient = world.root().state().keyholders.iter().find(|k| k.id == depot).unwrap().recipient.clone();
        let old = world.store.get(&Key::Bundle(depot, 1)).unwrap();
        let junk = crate::repo::seal::seal(b"nothing", &[&recipient.parse().unwrap()]).unwrap();
        world.store.create(&Key::Bundle(depot, 2), &if forged { junk.into() } else { old }).unwrap();
        planted(rotate(&mut world.root(), &world.sheet), &Key::Bundle(depot, 2));
        assert!(world.machine("depot").is_ok_and(|m| m.state().epoch().number == 1));
        // A person takes it out; what was begun is finished, with the same keys.
        let begun = world.store.get(&Key::Bundle(sheet, 2)).unwrap();
        world.store.delete(&Key::Bundle(depot, 2)).unwrap();
        assert_eq!(rotate(&mut world.root(), &world.sheet).unwrap(), 2);
        assert!(world.store.get(&Key::Bundle(sheet, 2)).unwrap() == begun);
        speak(&mut world.machine("depot").unwrap()).unwrap();
    }
}

#[test]
fn the_key_in_use_and_what_only_the_root_may_do_are_refused() {
    let world = World::new();
    let own = world.root().ring.keyholder;
    let refused = remove_keyholder(&mut world.root(), &world.sheet, own);
    assert!(matches!(refused, Err(OpsError::InTheWay(_))));
    let deputy = Identity::generate();
    let given = deputy.recipient().to_string();
    add_keyholder(&mut world.root(), &world.sheet, "deputy", &given, false).unwrap();
    let mut repo = world.with(&deputy).unwrap();
    assert!(!repo.can_read());
    let no_role = |r: Result<u32, OpsError>| matches!(r, Err(OpsError::Repo(RepoError::NoRole(Role::Root))));
    assert!(no_role(rotate(&mut repo, &deputy)));
    assert!(no_role(remove_keyholder(&mut repo, &deputy, own)));
    assert!(add_keyholder(&mut repo, &deputy, "other", &given, true).is_err());
    assert!(revoke(&mut repo, &[], None).is_err());
}

#[test]
fn names_and_requests_are_checked() {
    let world = World::new();
    let given = Identity::generate().recipient().to_string();
    for (name, recipient) in [("", given.as_str()), ("a\u{1b}[2J", &given), ("deputy", "ssh-rsa AAAA")] {
        let added = add_keyholder(&mut world.root(), &world.sheet, name, recipient, false);
        assert!(matches!(added, Err(OpsError::Usage(_))), "{name}");
    }
    let taken = add_keyholder(&mut world.root(), &world.sheet, "office server", &given, false);
    assert!(matches!(taken, Err(OpsError::InTheWay(_))));
    let machine = Machine::generate("depot", false, &[Role::Writer], &*world.env.entropy);
    let mut request = JoinRequest::of(&machine);
    assert_eq!(JoinRequest::parse(&request.to_line()).unwrap(), request);
    assert!(JoinRequest::parse(&request.to_line()[2..]).is_err());
    request.actors[0].machine = KeyholderId::new([9; 32]);
    assert!(JoinRequest::parse(&request.to_line()).is_err());
}

#[test]
fn a_machine_cut_off_can_add_nothing() {
    let world = World::new();
    world.join("depot");
    let mut depot = world.machine("depot").unwrap();
    speak(&mut depot).unwrap();
    let actors = depot.own_actors();
    assert!(matches!(revoke(&mut world.root(), &actors, Some(0)), Err(OpsError::Usage(_))));
    assert!(matches!(revoke(&mut world.root(), &actors, Some(1000)), Err(OpsError::Usage(_))));
    assert_eq!(revoke(&mut world.root(), &actors, None).unwrap(), 1);
    assert_eq!(revoke(&mut world.root(), &actors, None).unwrap(), 0);
    depot.refresh().unwrap();
    assert!(depot.state().voids.is_empty());
    let said = speak(&mut depot);
    assert!(said.is_err() || depot.state().voids.len() == 1, "{said:?}");
}

#[test]
fn a_set_up_stopped_between_its_two_files_begins_anew() {
    let (_runtime, tmp, store, env, options) = ground();
    let dir = StateDir::new(tmp.path());
    let stopped = create(&store, &dir, &env, &options, |_| Err(RepoError::Interrupted));
    assert!(matches!(stopped, Err(RepoError::Interrupted)) && dir.file("init.json").exists());
    std::fs::remove_file(dir.file("machine.json")).unwrap();
    let id = create(&store, &dir, &env, &options, |_| Ok(())).unwrap();
    assert_eq!(Repository::open(store, dir, env).unwrap().state().repository, id);
}
