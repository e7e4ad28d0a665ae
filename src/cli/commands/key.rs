//! `key …`: who can read the backups.

use serde_json::json;

use crate::cli::args::{KeyCommand, KeyFile};
use crate::cli::failure::Failure;
use crate::cli::keyfile::{self, Given};
use crate::cli::output::Done;
use crate::cli::sheet::Sheet;
use crate::cli::shell::Shell;
use crate::config::Config;
use crate::domain::id::KeyholderId;
use crate::domain::log::entry::{Entry, Keyholder};
use crate::ops::{OpsError, roster};
use crate::repo::repository::Repository;

use super::key_drill;

pub fn run(shell: &Shell, command: KeyCommand) -> Result<Done, Failure> {
    let config = shell.config()?;
    match command {
        KeyCommand::List => list(shell, &config),
        KeyCommand::Add { name, recipient, reads, key } => add(shell, &config, &name, &recipient, reads, &key),
        KeyCommand::Remove { holder, key } => remove(shell, &config, &holder, &key),
        KeyCommand::Rotate { key } => rotate(shell, &config, &key),
        KeyCommand::Drill(args) => key_drill::run(shell, &config, &args),
        KeyCommand::Sheet { check: false, key } => print_sheet(shell, &config, &key),
        KeyCommand::Sheet { check: true, key } => check_sheet(shell, &config, &key),
    }
}

/// The repository, opened with the key that a person gave.
pub fn open_with_key(shell: &Shell, config: &Config, key: &KeyFile) -> Result<(Repository, Given), Failure> {
    let given = keyfile::given(shell, key.recovery_key_file.as_deref())?;
    Ok((open_with(shell, config, &given)?, given))
}

/// The same with a key that was given already: nothing of this computer's own keys is used.
pub fn open_with(shell: &Shell, config: &Config, given: &Given) -> Result<Repository, Failure> {
    let pinned = shell.state(config).load_machine()?.and_then(|m| m.repository);
    let id = keyfile::repository_of(pinned, None, given)?;
    Ok(Repository::open_with_identity(shell.store(config)?, &given.identity, id, shell.env.clone())?)
}

fn list(shell: &Shell, config: &Config) -> Result<Done, Failure> {
    let repo = shell.open(config)?;
    let state = repo.state();
    shell.out.answer(format!("{:<10}{:<28}{:<8}{}", "id", "name", "reads", "recipient"));
    for k in &state.keyholders {
        let line = || {
            let reads = if k.reads { "yes" } else { "no" };
            format!("{:<10}{:<28}{reads:<8}{}", k.id.short(), shown(&k.name), k.recipient)
        };
        let object = || json!({"message_type": "keyholder", "id": k.id, "name": k.name, "reads": k.reads, "recipient": k.recipient});
        shell.out.row(line, object);
    }
    shell.out.say(format!("Epoch {}. The repository is {}.", state.epoch().number, state.repository));
    Ok(Done::ok()
        .with("keyholders", state.keyholders.len())
        .with("epoch", state.epoch().number)
        .with("repository", state.repository.to_hex()))
}

/// A name from the log, made fit for a terminal.
pub fn shown(name: &str) -> String {
    crate::domain::path::printable(name.as_bytes())
}

fn add(
    shell: &Shell,
    config: &Config,
    name: &str,
    recipient: &str,
    reads: bool,
    key: &KeyFile,
) -> Result<Done, Failure> {
    let (mut repo, given) = open_with_key(shell, config, key)?;
    let holder = roster::add_keyholder(&mut repo, &given.identity, name, recipient, reads)?;
    let can = if reads { "read every document in the backup" } else { "see what is stored, but read no document" };
    shell.out.say(format!("'{}' now holds a key and can {can}, old backups included.", shown(name)));
    shell.out.say("They open it with the secret half of the recipient you gave, and the repository's id.");
    let (epoch, id) = (repo.state().epoch().number, repo.state().repository.to_hex());
    Ok(Done::ok().with("keyholder", holder.id.to_hex()).with("epoch", epoch).with("repository", id))
}

/// Everybody who ever held a key, newest first: a removal that was cut short can be finished.
fn ever(repo: &Repository) -> Vec<Keyholder> {
    let mut all: Vec<Keyholder> = repo.state().created.keyholders.clone();
    let entries = repo.slots().iter().filter_map(|s| s.body.as_ref()).map(|b| &b.entry);
    all.extend(entries.filter_map(|e| if let Entry::KeyholderAdded(k) = e { Some(k.holder.clone()) } else { None }));
    all.reverse();
    all
}

/// The holder of that name or id, also one who no longer is.
pub fn meant(repo: &Repository, holder: &str) -> Result<(KeyholderId, String), Failure> {
    let fits =
        |k: &&Keyholder| k.name == holder || (holder.len() >= 8 && k.id.to_hex().starts_with(&holder.to_lowercase()));
    let now = repo.state().keyholders.iter().find(fits).cloned();
    let found = now.or_else(|| ever(repo).iter().find(fits).cloned());
    let found = found.ok_or_else(|| {
        OpsError::NotFound(format!(
            "nobody called '{}' holds a key; 'strongroom key list' shows who does",
            shown(holder)
        ))
    })?;
    Ok((found.id, found.name))
}

const REMOVED: &str = "\
What this does: they cannot open anything that is stored from now on.
What it does not undo: what was stored before stays readable to them if they kept their key and can fetch it from the
store. So also change the store's credentials now, and take away their access to the bucket. If their computer wrote
backups, cut it off too: strongroom actor revoke NAME";

fn remove(shell: &Shell, config: &Config, holder: &str, key: &KeyFile) -> Result<Done, Failure> {
    let (mut repo, given) = open_with_key(shell, config, key)?;
    let (id, name) = meant(&repo, holder)?;
    let epoch = roster::remove_keyholder(&mut repo, &given.identity, id)?;
    catch_up(shell, config);
    shell.out.say(format!("'{}' holds no key any more. Epoch {epoch} has begun.\n\n{REMOVED}", shown(&name)));
    Ok(Done::ok().with("keyholder", id.to_hex()).with("epoch", epoch))
}

fn rotate(shell: &Shell, config: &Config, key: &KeyFile) -> Result<Done, Failure> {
    let (mut repo, given) = open_with_key(shell, config, key)?;
    let epoch = roster::rotate(&mut repo, &given.identity)?;
    catch_up(shell, config);
    shell.out.say(format!(
        "Epoch {epoch} has begun: everything stored from now on is sealed with new keys.\nAll who hold a key go on as \
         before, the recovery sheet too; nothing stored before was changed."
    ));
    Ok(Done::ok().with("epoch", epoch))
}

/// This computer takes its new keys at once, if it is one of the machines; else with its next run.
fn catch_up(shell: &Shell, config: &Config) {
    if shell.open(config).is_err() {
        shell.out.note("This computer has no key of the new epoch.");
    }
}

fn print_sheet(shell: &Shell, config: &Config, key: &KeyFile) -> Result<Done, Failure> {
    let (repo, given) = open_with_key(shell, config, key)?;
    if repo.ring.root.is_none() {
        let hint = "Only the recovery sheet's own key can be printed as a recovery sheet.";
        return Err(Failure::refused("this key is not the recovery sheet's", hint));
    }
    let date = shell.env.clock.now().to_zoned(config.council.timezone.clone()).date();
    let sheet = Sheet {
        council: &config.council.name,
        repository: repo.state().repository,
        address: &config.repository.url,
        flags: &crate::cli::sheet::flags(&config.repository.store),
        identity: &given.identity,
        date,
    };
    shell.out.row(|| sheet.printed(), || json!({"message_type": "sheet", "text": sheet.printed()}));
    Ok(Done::ok().with("repository", repo.state().repository.to_hex()).with("epoch", repo.state().epoch().number))
}

fn check_sheet(shell: &Shell, config: &Config, key: &KeyFile) -> Result<Done, Failure> {
    let (repo, given) = open_with_key(shell, config, key)?;
    if repo.ring.root.is_none() {
        let hint = "It opens the repository, but only the recovery sheet's key can change who holds keys.";
        return Err(Failure::refused("this key is not the recovery sheet's", hint));
    }
    key_drill::prove(shell, config, repo, given)
}
