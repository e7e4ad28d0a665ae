//! Starting again on a machine with nothing: the repository's address, one key, and the printed id.
//!
//! The documents come first; only then is this machine made a member. Everything can be run again after it
//! was stopped anywhere. Nothing is revoked here: which machines are lost is for a person to say.

use std::path::{Path, PathBuf};

use crate::domain::id::{ActorId, KeyholderId, RepositoryId};
use crate::domain::log::entry::{Actor, Entry, Keyholder, Role};
use crate::domain::log::state::State;
use crate::ops::fs::place::Owner;
use crate::ops::query::{View, Which};
use crate::ops::restore::{RestoreOptions, RestoreReport, apply, plan};
use crate::ops::{Monitor, OpsError, Stop};
use crate::repo::error::RepoError;
use crate::repo::keys::{Bundle, BundleError, KeyRing};
use crate::repo::layout::Key;
use crate::repo::local;
use crate::repo::machine::{Machine, StateDir};
use crate::repo::repository::{Env, Repository};
use crate::repo::seal::{Identity, Recipient};
use crate::repo::store::Store;

/// Under this name the configuration lands beside the documents.
pub const CONFIG: &str = "council.toml";
/// And under this one if the first is taken by something else.
const CONFIG_BESIDE: &str = "council-recovered.toml";

/// What a recovery is asked to do.
pub struct RecoverOptions {
    /// Documents land at this folder plus their record paths.
    pub to: PathBuf,
    /// Whose the files are to be.
    pub owner: Owner,
    /// Packs that are fetched at the same time.
    pub connections: usize,
    /// Makes this computer a member of the repository.
    pub enrol: Option<EnrolOptions>,
}

/// How this computer becomes a member.
pub struct EnrolOptions {
    /// Where it keeps its keys.
    pub dir: StateDir,
    /// A function, not a person: `office server`.
    pub name: String,
    /// Whether it is to hold the reading identity.
    pub reads: bool,
    /// What it may append.
    pub roles: Vec<Role>,
}

/// A machine that may still append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidMachine {
    /// Which.
    pub machine: KeyholderId,
    /// Its name.
    pub name: String,
    /// Its keys that are still valid.
    pub actors: Vec<ActorId>,
}

/// What a recovery did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecoverReport {
    /// The documents.
    pub restored: RestoreReport,
    /// Where the configuration was put, if a snapshot held one.
    pub config: Option<PathBuf>,
    /// This computer as a member.
    pub enrolled: Option<KeyholderId>,
    /// Why it did not become one although that was asked for.
    pub not_enrolled: Option<String>,
    /// Other machines that may still append: if one is lost or stolen, it must be revoked.
    pub still_valid: Vec<ValidMachine>,
}

/// Brings back the newest snapshot of every set and makes this computer a member.
///
/// # Errors
/// [`RepoError::AnotherRepository`] when the store shows another repository than the printed one;
/// [`RepoError::WrongKey`]; whatever a restore can meet. Damage is in the report.
pub fn recover(
    store: Store,
    identity: &Identity,
    id: RepositoryId,
    env: Env,
    options: &RecoverOptions,
    monitor: &dyn Monitor,
    stop: &Stop,
) -> Result<RecoverReport, OpsError> {
    Recovery::open(store, identity, id, env)?.run(options, monitor, stop)
}

/// A recovery that has been opened: what the backup says about the lost computer may be asked before it is run.
pub struct Recovery {
    repo: Repository,
    config: Option<Vec<u8>>,
}

impl Recovery {
    /// Opens the repository with the key. Writes nothing.
    ///
    /// # Errors
    /// As [`recover`].
    pub fn open(store: Store, identity: &Identity, id: RepositoryId, env: Env) -> Result<Self, OpsError> {
        let mut repo = Repository::open_with_identity(store, identity, id, env)?;
        let view = View::open(&mut repo, &Which::default())?;
        let newest = view.chosen.iter().filter(|c| c.root.config.is_some()).max_by_key(|c| (c.began, c.id));
        let config = newest.and_then(|c| c.root.config.clone());
        Ok(Self { repo, config })
    }

    /// The configuration that the newest backup was made with.
    pub fn config(&self) -> Option<&[u8]> {
        self.config.as_deref()
    }

    /// Whether this key can make this computer a member: it is then that its own keys need a place.
    pub fn can_enrol(&self) -> bool {
        self.repo.ring.root.is_some()
    }

    /// Does what [`recover`] does.
    ///
    /// # Errors
    /// As [`recover`].
    pub fn run(
        mut self,
        options: &RecoverOptions,
        monitor: &dyn Monitor,
        stop: &Stop,
    ) -> Result<RecoverReport, OpsError> {
        let repo = &mut self.repo;
        let mut report = RecoverReport::default();
        let restore = RestoreOptions {
            owner: options.owner,
            connections: options.connections,
            ..RestoreOptions::everything(&options.to)
        };
        let plan = plan(repo, &restore, monitor, stop)?;
        let passed_over = plan.passed_over.clone();
        report.restored = apply(plan, repo, monitor, stop)?;
        report.restored.warnings.extend(passed_over);
        report.config = self.config.as_deref().map(|text| write_config(text, &options.to)).transpose()?;
        if let Some(enrolment) = &options.enrol {
            stop.check()?;
            match &repo.ring.root {
                Some(_) => report.enrolled = Some(enrol_here(repo, enrolment)?),
                None => {
                    let why = "this key does not hold the root key; add this computer with the recovery sheet's key";
                    report.not_enrolled = Some(why.into());
                }
            }
        }
        report.still_valid = valid_machines(repo.state(), report.enrolled);
        Ok(report)
    }
}

/// Puts the configuration beside the documents. Never over something else.
fn write_config(text: &[u8], to: &Path) -> Result<PathBuf, OpsError> {
    for name in [CONFIG, CONFIG_BESIDE] {
        let path = to.join(name);
        match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() && local::read(&path)?.as_deref() == Some(text) => return Ok(path),
            Ok(_) => {}
            Err(_) => {
                local::replace(&path, text)?;
                return Ok(path);
            }
        }
    }
    Err(OpsError::InTheWay(format!("{CONFIG} and {CONFIG_BESIDE} are taken in {}; move one away", to.display())))
}

/// Keys are kept before they are published, and pinned to the repository last: a second run goes on with them.
fn enrol_here(repo: &mut Repository, options: &EnrolOptions) -> Result<KeyholderId, OpsError> {
    let id = repo.state().repository;
    let mut machine = match options.dir.load_machine()? {
        Some(there) if there.repository.is_some_and(|r| r != id) => {
            let shown = options.dir.path().display();
            let text = format!("{shown} (this computer is set up for another repository)");
            return Err(RepoError::AlreadyThere(text).into());
        }
        Some(there) => there,
        None => Machine::generate(&options.name, options.reads, &options.roles, &*repo.env.entropy),
    };
    if machine.repository.is_none() {
        options.dir.save_machine(&machine)?;
    }
    enrol(repo, &machine.keyholder(), &machine.actors())?;
    machine.repository = Some(id);
    options.dir.save_machine(&machine)?;
    Ok(machine.id)
}

/// Makes a machine a member: its bundle, then the roster. It gets the reading identity only if it is to read.
/// What is done already is left as it is.
///
/// # Errors
/// [`RepoError::NoRole`] without the root key; [`OpsError::Usage`] when the request makes no sense;
/// [`OpsError::InTheWay`] when it contradicts the roster.
pub fn enrol(repo: &mut Repository, keyholder: &Keyholder, actors: &[Actor]) -> Result<(), OpsError> {
    let root = repo.ring.root.clone().ok_or(RepoError::NoRole(Role::Root))?;
    check_request(keyholder, actors)?;
    check_roster(repo.state(), keyholder, actors)?;
    let recipient: Recipient = keyholder.recipient.parse().map_err(RepoError::from)?;
    let ring = KeyRing {
        reading: if keyholder.reads { repo.ring.reading.clone() } else { vec![] },
        root: None,
        keyholder: keyholder.id,
        ..repo.ring.clone()
    };
    let (id, epoch) = (repo.state().repository, repo.state().epoch().number);
    let sealed = Bundle::new(id, epoch, &ring, keyholder.id).seal(&root, &recipient);
    // One that is there already was made by the root key for this very keyholder, or it opens nothing.
    repo.store.create(&Key::Bundle(keyholder.id, epoch), &sealed.map_err(|e: BundleError| RepoError::from(e))?)?;
    repo.append(|state| {
        let known = state.keyholders.iter().any(|k| k.id == keyholder.id);
        Ok((!known).then(|| Entry::KeyholderAdded(keyholder.clone())))
    })?;
    for actor in actors {
        repo.append(|state| Ok((!state.actors.contains_key(&actor.key)).then(|| Entry::ActorAdded(actor.clone()))))?;
    }
    check_roster(repo.state(), keyholder, actors)
}

fn check_request(keyholder: &Keyholder, actors: &[Actor]) -> Result<(), OpsError> {
    let wrong = |what: &str| Err(OpsError::Usage(format!("the request of '{}' {what}", keyholder.name)));
    if actors.is_empty() {
        return wrong("names no key that could sign");
    }
    if actors.iter().any(|a| a.machine != keyholder.id || a.reads != keyholder.reads) {
        return wrong("names keys of another machine");
    }
    if actors.iter().any(|a| a.roles.is_empty() || a.roles.contains(&Role::Root)) {
        return wrong("asks for a role that no machine can have");
    }
    if keyholder.recipient.parse::<Recipient>().is_err() {
        return wrong("holds no key of a kind this version knows");
    }
    Ok(())
}

/// A member that is known already must be exactly this one, and must not have been cut off.
fn check_roster(state: &State, keyholder: &Keyholder, actors: &[Actor]) -> Result<(), OpsError> {
    if state.keyholders.iter().any(|k| k.id == keyholder.id && k != keyholder) {
        return Err(OpsError::InTheWay(format!("another keyholder has the number of '{}'", keyholder.name)));
    }
    for actor in actors {
        if let Some((known, _, until)) = state.actors.get(&actor.key)
            && (known != actor || until.is_some())
        {
            let why = if until.is_some() { "was revoked: make a new request" } else { "is on the roster differently" };
            return Err(OpsError::InTheWay(format!("the key {} of '{}' {why}", actor.key.short(), actor.name)));
        }
    }
    Ok(())
}

/// Machines other than `except` that may still append.
pub fn valid_machines(state: &State, except: Option<KeyholderId>) -> Vec<ValidMachine> {
    let mut machines: Vec<ValidMachine> = vec![];
    for (actor, _, until) in state.actors.values() {
        if until.is_some() || Some(actor.machine) == except {
            continue;
        }
        match machines.iter_mut().find(|m| m.machine == actor.machine) {
            Some(machine) => machine.actors.push(actor.key),
            None => machines.push(ValidMachine {
                machine: actor.machine,
                name: actor.name.clone(),
                actors: vec![actor.key],
            }),
        }
    }
    machines.iter_mut().for_each(|m| m.actors.sort());
    machines.sort_by(|a, b| (&a.name, a.machine).cmp(&(&b.name, b.machine)));
    machines
}
