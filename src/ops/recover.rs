//! Starting again on a machine with nothing: the repository's address, one key, and the printed id.
//!
//! The documents come first; only then is this machine made a member. Everything can be run again after it
//! was stopped anywhere. Nothing is revoked here: which machines are lost is for a person to say.

use std::path::{Path, PathBuf};

use crate::domain::id::{ActorId, KeyholderId, RepositoryId};
use crate::domain::log::entry::{Actor, Entry, Keyholder, KeyholderAdded, Role};
use crate::domain::log::state::State;
use crate::ops::fs::place::Owner;
use crate::ops::query::{View, Which};
use crate::ops::restore::{RestoreOptions, RestoreReport, apply, plan};
use crate::ops::{Monitor, OpsError, Stop, roster};
use crate::repo::error::RepoError;
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
    let mut repo = Repository::open_with_identity(store, identity, id, env)?;
    let mut report = RecoverReport::default();
    let mut machine = None;
    if let Some(enrolment) = &options.enrol {
        match &repo.ring.root {
            // Before the first document is written: nothing that a backup holds can become this computer's keys.
            Some(_) => machine = Some((machine_here(&repo, enrolment, &options.to)?, &enrolment.dir)),
            None => {
                let why = "this key does not hold the root key; add this computer with the recovery sheet's key";
                report.not_enrolled = Some(why.into());
            }
        }
    }
    let restore = RestoreOptions {
        owner: options.owner,
        connections: options.connections,
        // There may be nobody to ask for another one.
        or_older: true,
        ..RestoreOptions::everything(&options.to)
    };
    let plan = plan(&mut repo, &restore, monitor, stop)?;
    let passed_over = plan.passed_over.clone();
    report.restored = apply(plan, &mut repo, monitor, stop)?;
    report.restored.warnings.extend(passed_over);
    match write_config(&mut repo, &options.to) {
        // A record took the name; that keeps nobody from going on.
        Err(e @ OpsError::InTheWay(_)) => report.restored.warnings.push(e.to_string()),
        other => report.config = other?,
    }
    if let Some((machine, dir)) = machine {
        stop.check()?;
        report.enrolled = Some(enrol_here(&mut repo, machine, dir)?);
    }
    report.still_valid = valid_machines(repo.state(), report.enrolled);
    Ok(report)
}

/// The configuration that the newest backup was made with. Never over something else, never through a link that
/// was restored a moment ago.
fn write_config(repo: &mut Repository, to: &Path) -> Result<Option<PathBuf>, OpsError> {
    let view = View::open_or_older(repo, &Which::default())?;
    let newest = view.chosen.iter().filter(|c| c.root.config.is_some()).max_by_key(|c| (c.began, c.id));
    let Some(text) = newest.and_then(|c| c.root.config.as_deref()) else { return Ok(None) };
    for name in [CONFIG, CONFIG_BESIDE] {
        let path = to.join(name);
        match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() && local::read(&path)?.as_deref() == Some(text) => return Ok(Some(path)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                local::replace(&path, text)?;
                return Ok(Some(path));
            }
            _ => {}
        }
    }
    Err(OpsError::InTheWay(format!("{CONFIG} and {CONFIG_BESIDE} are taken in {}; move one away", to.display())))
}

/// Where a recovered computer keeps its keys unless a person says otherwise: beside the documents, never among
/// them, where a record of a backup could lie.
///
/// # Errors
/// [`OpsError::Usage`] when nothing can lie beside `to`.
pub fn state_beside(to: &Path) -> Result<StateDir, OpsError> {
    let refused = || OpsError::Usage(format!("{}: name a folder of its own for the documents", to.display()));
    let mut name = to.file_name().ok_or_else(refused)?.to_owned();
    name.push(".strongroom-state");
    Ok(StateDir::new(to.with_file_name(name)))
}

/// This computer's keys, kept before they are published: a second run goes on with them.
fn machine_here(repo: &Repository, options: &EnrolOptions, to: &Path) -> Result<Machine, OpsError> {
    if resolved(options.dir.path())?.starts_with(resolved(to)?) {
        let (dir, to) = (options.dir.path().display(), to.display());
        let why = "what a backup holds would lie where this computer looks for its keys; name a folder outside it";
        return Err(OpsError::Usage(format!("{dir} is inside {to}: {why}")));
    }
    let machine = match options.dir.load_machine()? {
        Some(there) if there.repository.is_some_and(|r| r != repo.state().repository) => {
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
    Ok(machine)
}

/// The path without links, as far as it exists.
fn resolved(path: &Path) -> Result<PathBuf, OpsError> {
    if path.components().any(|c| c == std::path::Component::ParentDir) {
        return Err(OpsError::Usage(format!("{}: write the path without ..", path.display())));
    }
    let path = std::path::absolute(path).map_err(|e| OpsError::Usage(format!("{}: {e}", path.display())))?;
    for there in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), path.strip_prefix(there)) {
            return Ok(real.join(rest));
        }
    }
    Ok(path)
}

/// Pinned to the repository last.
fn enrol_here(repo: &mut Repository, mut machine: Machine, dir: &StateDir) -> Result<KeyholderId, OpsError> {
    enrol(repo, &machine.keyholder(), &machine.actors())?;
    machine.repository = Some(repo.state().repository);
    dir.save_machine(&machine)?;
    repo.keep_opened_in(dir);
    Ok(machine.id)
}

/// Makes a machine a member: its bundle, then the roster. It gets the reading identity only if it is to read.
/// What is done already is left as it is.
///
/// # Errors
/// [`RepoError::NoRole`] without the root key; [`OpsError::Usage`] when the request makes no sense;
/// [`OpsError::InTheWay`] when it contradicts the roster.
pub fn enrol(repo: &mut Repository, keyholder: &Keyholder, actors: &[Actor]) -> Result<(), OpsError> {
    check_request(keyholder, actors)?;
    check_roster(repo.state(), keyholder, actors)?;
    let epoch = repo.state().epoch().number;
    let bundle = roster::put_bundle(repo, &repo.ring, epoch, keyholder)?;
    repo.append(|state| {
        let known = state.keyholders.iter().any(|k| k.id == keyholder.id);
        let bundle = Some(bundle).filter(|_| state.epoch().number == epoch);
        Ok((!known).then(|| Entry::KeyholderAdded(KeyholderAdded { holder: keyholder.clone(), bundle })))
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
