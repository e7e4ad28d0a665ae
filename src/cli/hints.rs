//! The one place that says what to do: from any failure to a message, a hint and an exit code.

use super::failure::Failure;
use crate::domain::problem::Exit;
use crate::domain::retention::gate::Refusal;
use crate::ops::OpsError;
use crate::ops::error::SourceFault;
use crate::repo::error::RepoError;
use crate::repo::keys::BundleError;
use crate::repo::store::{StoreError, StoreFault};

/// What a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The exit code.
    pub exit: Exit,
}

/// Puts a failure into words.
pub fn advice(failure: &Failure) -> Advice {
    let (hint, exit) = match failure {
        Failure::Config(e) => (None, e.exit()),
        Failure::Ops(e) => return advice_on(e),
        Failure::Journal(_) | Failure::Outbox(_) | Failure::Mail(_) => (None, Exit::Failed),
        Failure::Said { hint, exit, .. } => (hint.clone(), *exit),
    };
    Advice { message: failure.to_string(), hint, exit }
}

/// The same of an operation's failure.
pub fn advice_on(error: &OpsError) -> Advice {
    Advice { message: error.to_string(), hint: ops(error).map(str::to_owned), exit: error.exit() }
}

fn ops(error: &OpsError) -> Option<&'static str> {
    Some(match error {
        OpsError::Repo(e) => return repo(e),
        OpsError::Refused(e) => return refusal(e),
        OpsError::Source { kind, .. } => source(*kind),
        OpsError::Target(_) => "Name another folder with --to; a new or empty one is best.",
        OpsError::NotOnDisk(_) => {
            "Do not rely on these files. Have the disk looked at, then restore again with --to to a folder on another disk."
        }
        // The same words serve several commands; each adds its own hint.
        OpsError::Unreadable(_) => {
            "If the store keeps old versions, bring the damaged object back and run this again; strongroom snapshots lists \
             what else there is."
        }
        OpsError::InTheWay(_) | OpsError::NotFound(_) | OpsError::Usage(_) => return None,
        OpsError::Nothing(_) => {
            "A test or backup of nothing proves nothing. Check which folders and sets are configured."
        }
    })
}

fn source(kind: SourceFault) -> &'static str {
    match kind {
        SourceFault::Missing => {
            "Is the disk or share connected, and is the path in council.toml right? Nothing was recorded as deleted."
        }
        SourceFault::Empty => {
            "If it is empty on purpose, write allow_empty = true into its [[set]]. Else find out who emptied it: what \
             was backed up before is safe."
        }
        SourceFault::Unmounted => {
            "Connect the disk or share again and run again; nothing was recorded as deleted. If it moved for good: \
             strongroom backup --accept-mounts"
        }
        SourceFault::Unreadable => {
            "Run as a user that may read it (the systemd service may read everything), or change its permissions."
        }
    }
}

fn refusal(refusal: &Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::Clock(_) => Some(
            "Set this computer's clock (timedatectl), then run again. If it is right now and was wrong before: \
             strongroom prune --yes",
        ),
        // These say themselves what to do.
        _ => None,
    }
}

fn repo(error: &RepoError) -> Option<&'static str> {
    Some(match error {
        RepoError::Store(e) => return store(e),
        RepoError::NoRepository(_) => {
            "For a new one run: strongroom init\nIf there was one here, do not: check the address in council.toml, or \
             on a new computer run: strongroom recover"
        }
        RepoError::NoKeys(_) => {
            "If it had keys, its own folder is gone or another one: look at [state] dir, or run: strongroom recover\nIf it never \
             had: strongroom init --join"
        }
        RepoError::AlreadyThere(_) => {
            "Nothing was changed. To use it from this computer too: strongroom init --join\nAfter a disaster: strongroom \
             recover"
        }
        RepoError::WrongKey | RepoError::Bundle(_) | RepoError::BundleDamaged(_) | RepoError::BundlePlanted(_) => {
            key(error)
        }
        RepoError::AnotherRepository { .. } => {
            "Do not go on. Compare the address and the id with the recovery sheet; somebody may have put another \
             repository in its place."
        }
        RepoError::RolledBack { .. } => {
            "Nothing was written and nothing will be deleted. Do not run init. If the store keeps old versions, bring \
             them back; then run: strongroom log --verify"
        }
        RepoError::LogDamaged { .. } => {
            "Nothing will be deleted until that entry is back. Do not run init. If the store keeps old versions, bring \
             it back; then run: strongroom log --verify"
        }
        RepoError::Pack { .. } | RepoError::PackMissing(_) | RepoError::Index(_) | RepoError::ChunkUnknown => {
            "Stored data is damaged or missing. What can be had back, and what is lost: strongroom repair --all"
        }
        RepoError::Destroyed { .. } => {
            "It does not come back. What was destroyed and why: strongroom log, and the certificates of disposals."
        }
        RepoError::Listing(_) => {
            "Run: strongroom repair, and strongroom snapshots for an older snapshot to restore from."
        }
        RepoError::Local(e) if e.full => {
            "Nothing stored is lost. Free some space on this computer's disk and run again; it goes on from there."
        }
        RepoError::Local(e) if e.detail.starts_with("a folder stands") => return None,
        RepoError::Local(_) => "Check that Strongroom's user owns its state folder, or run the command as root.",
        RepoError::Fold(_) => return None,
        RepoError::CannotRead => {
            "This was chosen at set-up (--write-only-server). Do this where the recovery sheet or another reading key is."
        }
        RepoError::NoRole(_) => "Only a computer or key with that role may do this. See: strongroom actor list",
        RepoError::Contention => "Wait for the other computers to finish, then run again.",
        RepoError::KeysChanged => "Run it again. If nobody meant to change the keys: strongroom key list",
        RepoError::Interrupted => "Nothing is lost. Run it again and it goes on from there.",
        RepoError::Machine(_) | RepoError::Seal(_) => return None,
        RepoError::NoteMissing(_) | RepoError::Note { .. } => {
            "Holds and schemes count all the same: what cannot be read keeps everything it may touch. If the store \
             keeps old versions, bring the note back; then run: strongroom verify check"
        }
    })
}

/// A key that opens nothing, or whose file in the store cannot be trusted.
fn key(error: &RepoError) -> &'static str {
    match error {
        RepoError::BundleDamaged(_) => {
            "The key may be the right one. If a computer of yours still works, run there: strongroom run (it puts back its \
             copy of the key file). Else bring back that file's old version, if the store keeps any; then run this again."
        }
        RepoError::BundlePlanted(_) => {
            "No key was changed. Somebody wrote into the store: ring your provider, and change the store's credentials. Then \
             take that file out of the store with the store's own means, keep it as evidence, and run this again."
        }
        RepoError::Bundle(BundleError::Forged) => {
            "Do not use these keys. Keep this computer's state folder and ring your provider: somebody wrote into the \
             store."
        }
        _ => {
            "Check that the key belongs to this repository: the recovery sheet prints the repository's id and address. \
             A key that was removed opens nothing stored since. If it is the right key, its key file in the store may \
             be damaged: on a computer that still works run: strongroom verify check"
        }
    }
}

fn store(error: &StoreError) -> Option<&'static str> {
    let text = error.to_string().to_ascii_lowercase();
    if error.is_about_the_clock() && text.contains("certificate") {
        return Some(
            "Is this computer's clock right (timedatectl)? If it is, the store's certificate is out of date: tell your \
             provider.",
        );
    }
    if error.is_about_the_clock() {
        return Some("This computer's clock is wrong: set it (timedatectl set-ntp true), then run again.");
    }
    Some(match error.fault() {
        StoreFault::Gone => {
            "The bucket or container is not there. Check [repository] url in council.toml, or make it first."
        }
        StoreFault::Missing if text.contains("folder is not there") => {
            "Connect the disk or share and run again. If it never held a repository, run: strongroom init"
        }
        StoreFault::Missing => "Something that must be in the store is not. Run: strongroom verify check",
        StoreFault::Denied if text.contains("expired") => {
            "The credentials have expired. Put new ones where council.toml says they are; nothing is lost."
        }
        StoreFault::Denied => {
            "Check the credentials that council.toml names, and that they may list, read and write there."
        }
        StoreFault::Full => {
            "The store is full. Make it larger or free some of it; nothing stored is lost. Then run again."
        }
        StoreFault::ReadOnly => {
            "The store may only be read. Mount it for writing, or correct its permissions; then run again."
        }
        StoreFault::Unreachable => {
            "Check the network and the address in council.toml. Nothing is lost: run again and it goes on from there."
        }
        StoreFault::Unsupported if text.contains("hard links") => {
            "Nothing was stored. Another disk, a network share with hard links or a cloud store will do."
        }
        StoreFault::Unsupported => {
            "This store cannot create an object only if it is absent. Use another, or for one computer alone write \
             single_machine = true into [repository]."
        }
        StoreFault::Other if text.contains("object lock") => {
            "The bucket locks what is written. Say so, with its days: claims = { object_lock = \"30 days\" } in [repository]."
        }
        StoreFault::Exists | StoreFault::Other => {
            "If it stays, give this message to your provider; strongroom doctor tries the store out."
        }
    })
}

/// Another job holds the lock.
pub fn another_job() -> Failure {
    Failure::refused("Another Strongroom job is running on this computer; nothing to do.", "")
}

#[cfg(test)]
mod tests;
