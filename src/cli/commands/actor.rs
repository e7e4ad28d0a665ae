//! `actor …`: who can add to the backups.

use std::collections::BTreeSet;

use serde_json::json;

use super::heartbeat;
use super::key::{open_with_key, shown};
use crate::cli::args::ActorCommand;
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::domain::id::ActorId;
use crate::domain::log::entry::Actor;
use crate::domain::log::state::State;
use crate::ops::OpsError;
use crate::ops::roster::{self, JoinRequest};
use crate::service::words::word;

pub fn run(shell: &Shell, command: ActorCommand) -> Result<Done, Failure> {
    let config = shell.config()?;
    match command {
        ActorCommand::List => {
            let repo = shell.open(&config)?;
            let done = list(shell, repo.state());
            heartbeat::for_watchers(shell, &config, &repo);
            Ok(done)
        }
        ActorCommand::Add { request, key } => {
            let request = JoinRequest::parse(&request)?;
            let (mut repo, _) = open_with_key(shell, &config, &key)?;
            roster::admit(&mut repo, &request)?;
            let id = repo.state().repository;
            shell.out.say(format!("'{}' may join. On that computer run:", shown(&request.keyholder.name)));
            shell.out.say(format!("  strongroom init --join --id {id}"));
            Ok(Done::ok().with("actors", request.actors.len()).with("repository", id.to_hex()))
        }
        ActorCommand::Revoke { actor, from, key } => {
            let (mut repo, _) = open_with_key(shell, &config, &key)?;
            let meant = meant(repo.state(), &actor)?;
            let open: BTreeSet<u64> = repo.state().open_incidents().map(|i| i.at).collect();
            let revoked = roster::revoke(&mut repo, &meant, from)?;
            shell.out.say(format!("'{}' is cut off.\n\n{REVOKED}", shown(&actor)));
            for n in repo.state().open_incidents().map(|i| i.at).filter(|n| !open.contains(n)) {
                shell.out.say(format!(
                    "\nEntry {n}, by that actor, left records out of listings whose old form is deleted: it stands. \
                     Was it a disposal you know of? If so: strongroom incident resolve {n} --by NAME --note TEXT"
                ));
            }
            Ok(Done::ok().with("revoked", revoked))
        }
    }
}

const REVOKED: &str = "\
What this does: nothing that computer appends from that entry on counts, and it can delete nothing.
What it does not undo: it can still read what its key opens. Take the key away too: strongroom key remove NAME
and change the store's credentials.";

/// An actor with its key, and the entries from and until which it counts.
type Known<'s> = (&'s ActorId, &'s Actor, u64, Option<u64>);

fn sorted(state: &State) -> Vec<Known<'_>> {
    let mut all: Vec<Known<'_>> = state.actors.iter().map(|(id, (a, from, until))| (id, a, *from, *until)).collect();
    all.sort_by(|a, b| (a.2, &a.1.name, a.0).cmp(&(b.2, &b.1.name, b.0)));
    all
}

fn list(shell: &Shell, state: &State) -> Done {
    shell.out.answer(format!("{:<10}{:<28}{:<12}{:<8}{}", "id", "name", "role", "from", "until"));
    for (id, actor, from, until) in sorted(state) {
        let roles: Vec<String> = actor.roles.iter().map(word).collect();
        let line = || {
            let until = until.map_or_else(|| "-".to_owned(), |u| u.to_string());
            format!("{:<10}{:<28}{:<12}{from:<8}{until}", id.short(), shown(&actor.name), roles.join(","))
        };
        let object = || {
            json!({
                "message_type": "actor", "id": id, "name": actor.name, "roles": roles, "machine": actor.machine,
                "reads": actor.reads, "from": from, "until": until,
            })
        };
        shell.out.row(line, object);
    }
    Done::ok().with("actors", state.actors.len())
}

/// All actors of that name, or the one with that id.
fn meant(state: &State, what: &str) -> Result<Vec<ActorId>, Failure> {
    let by_id = |id: &ActorId| what.len() >= 8 && id.to_hex().starts_with(&what.to_lowercase());
    let found: Vec<ActorId> =
        sorted(state).into_iter().filter(|(id, a, ..)| a.name == what || by_id(id)).map(|(id, ..)| *id).collect();
    if found.is_empty() {
        let message = format!("no actor is called '{}'; 'strongroom actor list' shows them", shown(what));
        return Err(OpsError::NotFound(message).into());
    }
    Ok(found)
}
