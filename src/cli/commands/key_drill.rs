//! `key drill`: does the key of a named holder open the repository, by itself? And the same for the recovery sheet.
//!
//! The key is used and forgotten: it is not written, not shown and not logged. What was found is noted in the log.

use crate::cli::args::KeyDrillArgs;
use crate::cli::commands::key::{meant, shown};
use crate::cli::failure::Failure;
use crate::cli::keyfile::{self, Given};
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::telling;
use crate::config::Config;
use crate::domain::problem::Exit;
use crate::ops::OpsError;
use crate::ops::proof::{self, KeyDrillReport};
use crate::repo::repository::Repository;
use crate::service::journal::Event;
use crate::service::plain::{counted, size};
use crate::service::runner::JobOutcome;
use crate::service::words::{Counts, JobKind, Outcome, Trouble};

use super::drills;

/// This computer could not tell whether it is true, and whoever stole its key could say so, too.
const ONLY_WRITES: &str = "Noted on this computer only, and still asked for: that another's key works is believed of a \
                           computer that may read the backups. Drill it there.";

/// `key drill NAME`
///
/// # Errors
/// It is another holder's key, or nobody's; nothing is stored; the store.
pub fn run(shell: &Shell, config: &Config, args: &KeyDrillArgs) -> Result<Done, Failure> {
    let given = keyfile::of_holder(shell, &args.holder, args.key_file.as_deref())?;
    let repo = super::key::open_with(shell, config, &given)?;
    let (id, name) = meant(&repo, &args.holder)?;
    if id != repo.ring.keyholder {
        let whose = holder(&repo);
        let hint = format!("To drill that one: strongroom key drill '{whose}'");
        let message = format!("this is not the key of '{}' but that of '{whose}'", shown(&name));
        return Err(Failure::said(Exit::WrongKey, message, hint));
    }
    prove(shell, config, repo, given)
}

/// Proves the key that opened the repository.
///
/// # Errors
/// Nothing is stored; the store.
pub fn prove(shell: &Shell, config: &Config, mut repo: Repository, given: Given) -> Result<Done, Failure> {
    // Used already: from here on only what it opened is needed.
    drop(given);
    let progress = shell.progress();
    let report = proof::drill_key(&mut repo, &progress, &shell.stop).map_err(|e| match e {
        OpsError::Nothing(message) => Failure::said(Exit::Failed, message, "Run: strongroom run"),
        other => other.into(),
    })?;
    progress.finish();
    let d = &report.drilled;
    if d.root && d.failed == 0 {
        shell.note(config, Event::SheetProved)?;
    }
    if d.documents > 0 && d.failed == 0 {
        shell.note(config, Event::ReadingProved)?;
    }
    let mut own = shell.open(config).ok();
    if let Some(own) = &own {
        // Its holder's key opened it: now this computer knows what that key file should be.
        own.keep_opened(&repo);
    }
    // That the root key was shown, it signs itself: anybody could say it.
    let mut entry = if d.root { proof::note(Some(&mut repo), d)? } else { None };
    let by_own = entry.is_none() && {
        entry = proof::note(own.as_mut(), d)?;
        entry.is_some()
    };
    say(shell, &repo, &report);
    if entry.is_none() {
        shell.out.note(match own.as_ref().filter(|own| !own.can_read()) {
            Some(_) => ONLY_WRITES,
            None => "Noted on this computer only: it has no key that may write into the log.",
        });
    }
    let told = tell(shell, config, &report)?;
    let looked = drills::tell(shell, config, own.as_ref().filter(|_| by_own).unwrap_or(&repo))?;
    Ok(Done::with_exit(report.exit().worse(told).worse(looked))
        .with("keyholder", d.keyholder.to_hex())
        .with("name", holder(&repo))
        .with("root", d.root)
        .with("epoch", d.epoch)
        .with("snapshot", d.snapshot.map(|s| s.0))
        .with("files", d.documents)
        .with("bytes", d.bytes)
        .with("packs", u64::from(report.chunks > 0))
        .with("pieces", report.chunks)
        .with("failed", d.failed)
        .with("entry", entry)
        .with("repository", repo.state().repository.to_hex()))
}

/// The name of whoever holds the key at hand.
fn holder(repo: &Repository) -> String {
    let found = repo.state().keyholders.iter().find(|k| k.id == repo.ring.keyholder);
    found.map(|k| shown(&k.name)).unwrap_or_default()
}

fn say(shell: &Shell, repo: &Repository, report: &KeyDrillReport) {
    let d = &report.drilled;
    let key = if d.root { "The recovery sheet".to_owned() } else { format!("The key of '{}'", holder(repo)) };
    for problem in &report.failed {
        shell.out.problem(problem);
    }
    if d.failed > 0 {
        let failed = counted(d.failed, "item", "items");
        shell.out.warn(format!("{key} opens the repository, but {failed} did NOT come back: stored data is damaged."));
        return;
    }
    let Some(snapshot) = d.snapshot else {
        shell
            .out
            .say(format!("{key} works: with it alone the log opened. It may read no document, so none was asked for."));
        return;
    };
    let (documents, pieces) =
        (counted(d.documents, "document", "documents"), counted(report.chunks, "piece", "pieces"));
    shell.out.say(format!(
        "{key} works: with it alone the repository opened, a pack of {pieces} was read, and {documents} of snapshot \
         {snapshot} ({}) came back as listed.",
        size(d.bytes)
    ));
}

/// Damage is told like that of any examination.
fn tell(shell: &Shell, config: &Config, report: &KeyDrillReport) -> Result<Exit, Failure> {
    let d = &report.drilled;
    if d.failed == 0 {
        return Ok(Exit::Done);
    }
    let counts = Counts { files: d.documents, bytes: d.bytes, problems: d.failed, ..Counts::default() };
    let found = JobOutcome::new(Outcome::Damage, vec![Trouble::Damage], counts, Exit::Damage);
    telling::one_job(shell, config, JobKind::Verify, &found)
}
