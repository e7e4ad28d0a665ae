//! Making a repository. Nothing that could be lost is made only in memory: everything is kept on this
//! machine first, then put into the store, entry 0 last; a second try goes on with the same bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::RepoError;
use super::keys::{Bundle, KeyRing};
use super::layout::Key;
use super::local;
use super::log::seal_entry;
use super::machine::{Machine, StateDir};
use super::repository::Env;
use super::seal::{Identity, identity_line};
use super::sign::Seed;
use super::store::{Created as Put, Store, StoreFault};
use crate::domain::id::{KeyholderId, Link, RepositoryId};
use crate::domain::log::entry::{Body, Created, Entry, Epoch, FORMAT_VERSION, Keyholder, Role};

/// What a new repository is to be like.
#[derive(Debug, Clone)]
pub struct CreateOptions {
    /// This machine's name: a function, not a person.
    pub machine_name: String,
    /// This machine gets the writing identity and the writer's seed alone.
    pub write_only: bool,
    /// The store keeps no conditions: every appender must run on one machine.
    pub single_machine: bool,
}

/// What only paper (or a file kept elsewhere) should hold afterwards.
pub struct Recovery {
    /// The repository.
    pub repository: RepositoryId,
    /// `AGE-SECRET-KEY-1…`
    pub identity: Identity,
}

/// Everything that is put into the store, kept until it is there.
#[derive(Serialize, Deserialize)]
struct Pending {
    repository: RepositoryId,
    recovery: String,
    entry: String,
    bundles: Vec<(KeyholderId, String)>,
}

const PENDING: &str = "init.json";

/// Makes the repository, or finishes making it. `keep` is called with the recovery key before entry 0 exists:
/// when it fails, there is no repository.
///
/// # Errors
/// [`RepoError::AlreadyThere`] when a repository (or another machine's set-up) is there; faults of store and disk;
/// whatever `keep` returns.
pub fn create(
    store: &Store,
    dir: &StateDir,
    env: &Env,
    options: &CreateOptions,
    keep: impl FnOnce(&Recovery) -> Result<(), RepoError>,
) -> Result<RepositoryId, RepoError> {
    // This machine's keys are kept after it: where they are not there, nothing of it went anywhere, and it would end with a
    // repository that this machine cannot open.
    let machine = dir.load_machine()?.is_some();
    let pending = match dir.load_json::<Pending>(PENDING).filter(|_| machine) {
        Some(pending) => pending,
        None => prepare(store, dir, env, options)?,
    };
    let identity = Identity::parse(&pending.recovery)?;
    keep(&Recovery { repository: pending.repository, identity })?;
    for (holder, text) in &pending.bundles {
        let stored = put(store, &Key::Bundle(*holder, 1), text)?;
        dir.save_bundle(holder, 1, &stored);
    }
    put(store, &Key::Log(0), &pending.entry)?;
    let hint = serde_json::json!({
        "program": "strongroom", "format": FORMAT_VERSION, "repository": pending.repository,
        "note": "A hint only. Nothing here is believed until entry 0 of the log has this digest.",
    });
    let hint = STANDARD.encode(format!("{hint:#}\n"));
    put(store, &Key::Hint, &hint)?;
    local::remove(&dir.file(PENDING))?;
    Ok(pending.repository)
}

fn put(store: &Store, key: &Key, base64: &str) -> Result<Bytes, RepoError> {
    let bytes = STANDARD.decode(base64).map_err(|_| RepoError::Machine("init.json is damaged; remove it".into()))?;
    let bytes = Bytes::from(bytes);
    match store.create(key, &bytes)? {
        Put::Ours => Ok(bytes),
        Put::Taken => Err(RepoError::AlreadyThere(store.address().into())),
    }
}

fn prepare(store: &Store, dir: &StateDir, env: &Env, options: &CreateOptions) -> Result<Pending, RepoError> {
    match store.get(&Key::Log(0)) {
        Ok(_) => return Err(RepoError::AlreadyThere(store.address().into())),
        Err(e) if e.fault() == StoreFault::Missing => {}
        Err(e) => return Err(e.into()),
    }
    if dir.load_machine()?.is_some() {
        let shown = dir.path().display();
        return Err(RepoError::AlreadyThere(format!("{shown} (this computer is set up for another repository)")));
    }
    let roles: &[Role] =
        if options.write_only { &[Role::Writer] } else { &[Role::Writer, Role::Tester, Role::Pruner, Role::Approver] };
    let mut machine = Machine::generate(&options.machine_name, !options.write_only, roles, &*env.entropy);
    let (root, recovery) = (Seed::new(env.entropy.bytes32()), Identity::generate());
    let recovery_id = KeyholderId::new(env.entropy.bytes32());
    let (reading, writing) = (Identity::generate(), Identity::generate());
    let recovery_holder = Keyholder {
        id: recovery_id,
        name: "recovery sheet".into(),
        recipient: recovery.recipient().to_string(),
        reads: true,
    };
    let epoch = Epoch {
        number: 1,
        reading: reading.recipient().to_string(),
        writing: writing.recipient().to_string(),
        bundles: vec![],
    };
    let created = Created {
        root: root.actor(),
        epoch,
        keyholders: vec![recovery_holder, machine.keyholder()],
        actors: machine.actors(),
        single_machine: options.single_machine,
    };
    let body = Body {
        v: FORMAT_VERSION,
        n: 0,
        repository: None,
        prev: Link::ORIGIN,
        actor: root.actor(),
        nonce: hex::encode(&env.entropy.bytes32()[..16]),
        time: env.clock.now(),
        entry: Entry::Created(created),
    };
    let entry = seal_entry(&body, &root, &writing.recipient())?;
    let repository = RepositoryId::of_entry_zero(&entry);
    let chunk_secret = env.entropy.bytes32();
    let ring = |keyholder, reads: bool, root: Option<&Seed>| KeyRing {
        reading: if reads { vec![reading.clone()] } else { vec![] },
        writing: vec![writing.clone()],
        chunk_secret,
        root: root.cloned(),
        keyholder,
    };
    let sheet = Bundle::new(repository, 1, &ring(recovery_id, true, Some(&root)), recovery_id);
    let own = Bundle::new(repository, 1, &ring(machine.id, machine.reads, None), machine.id);
    let encode = |b: Bytes| STANDARD.encode(b);
    let bundles = vec![
        (recovery_id, encode(sheet.seal(&root, &recovery.recipient(), None)?)),
        (machine.id, encode(own.seal(&root, &machine.identity.recipient(), Some(&reading))?)),
    ];
    let pending = Pending { repository, recovery: identity_line(&recovery), entry: encode(entry), bundles };
    machine.repository = Some(repository);
    dir.save_json(PENDING, &pending)?;
    dir.save_machine(&machine)?;
    Ok(pending)
}
