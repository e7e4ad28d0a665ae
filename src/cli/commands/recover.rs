//! `recover`: everything back on a computer with nothing, from the repository's address and one key.

use std::path::Path;

use serde_json::json;
use url::Url;

use super::key::shown;
use crate::cli::args::RecoverArgs;
use crate::cli::failure::Failure;
use crate::cli::hints::advice;
use crate::cli::keyfile::{self, Given};
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::wiring;
use crate::domain::id::RepositoryId;
use crate::domain::log::entry::Role;
use crate::domain::path::printable;
use crate::ops::fs::place::Owner;
use crate::ops::recover::{EnrolOptions, RecoverOptions, RecoverReport, recover, state_beside};
use crate::repo::machine::StateDir;
use crate::repo::repository::Repository;
use crate::repo::store::{Store, StoreCredentials, StoreOptions, open};
use crate::service::journal::Journal;
use crate::service::pages::{self, Kept};
use crate::service::plain::{counted, size};

/// Packs fetched at the same time.
const CONNECTIONS: usize = 4;

pub fn run(shell: &Shell, args: &RecoverArgs) -> Result<Done, Failure> {
    let file = args.identity.as_deref().or(args.key.recovery_key_file.as_deref());
    // What is missing is said before anything is asked.
    if file.is_none() && args.id.is_none() && !wiring::can_ask() {
        let hint = "--recovery-key-file FILE, or --identity FILE and --id ID";
        return Err(Failure::usage("the key and the repository's id from the recovery sheet are needed", hint));
    }
    let given = keyfile::given(shell, file)?;
    let id = which_repository(shell, args, &given)?;
    let store = store(shell, args)?;
    let failed = |e| Failure::usage(format!("{}: {e}", args.to.display()), "Write the full path, beginning with /.");
    let to = wiring::absolute(&args.to).map_err(failed)?;
    let dir = match shell.home()? {
        Some(home) => StateDir::new(home.join("state")),
        None => state_beside(&to)?,
    };
    let today = shell.env.clock.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let options = RecoverOptions {
        to,
        owner: Owner::Recorded,
        connections: CONNECTIONS,
        enrol: Some(EnrolOptions {
            dir: dir.clone(),
            name: format!("recovered server {today}"),
            reads: true,
            roles: vec![Role::Writer, Role::Tester, Role::Pruner, Role::Approver],
        }),
    };
    let progress = shell.progress();
    let report = recover(store, &given.identity, id, shell.env.clone(), &options, &progress, &shell.stop)?;
    progress.finish();
    let journal =
        if report.enrolled.is_some() { bring_journal_back(shell, args, &given, &report, id, &dir) } else { None };
    say(shell, &report, &options.to, &dir);
    let restored = &report.restored;
    Ok(Done::with_exit(restored.exit())
        .with("files", restored.files)
        .with("bytes", restored.bytes)
        .with("problems", restored.failed)
        .with("damaged", restored.damaged.len())
        .with("snapshot", restored.snapshots.last().map(|s| s.0))
        .with("to", options.to.to_string_lossy())
        .with("config", report.config.as_ref().map(|c| c.to_string_lossy().into_owned()))
        .with("state", report.enrolled.map(|_| dir.path().to_string_lossy().into_owned()))
        .with("journal", journal)
        .with("repository", id.to_hex()))
}

/// The journal of the computer that was lost: who was told of what, and what is still open. The documents are back
/// whatever becomes of it.
fn bring_journal_back(
    shell: &Shell,
    args: &RecoverArgs,
    given: &Given,
    report: &RecoverReport,
    id: RepositoryId,
    dir: &StateDir,
) -> Option<usize> {
    let brought = || -> Result<Option<Kept>, Failure> {
        let repo = Repository::open_with_identity(store(shell, args)?, &given.identity, id, shell.env.clone())?;
        let run = hex::encode(&shell.env.entropy.bytes32()[..8]);
        Ok(pages::bring_back(&repo, &Journal::new(dir.path()), &run, &configured(report)?)?)
    };
    match brought() {
        Ok(Some(kept)) => {
            let lines = counted(kept.entries.len() as u64, "line", "lines");
            shell.out.say(format!("The journal is back: {lines}."));
            if !kept.lost.is_empty() {
                let parts = counted(kept.lost.len() as u64, "part", "parts");
                shell.out.warn(format!("{parts} of the journal could not be read. See: strongroom report"));
            }
            Some(kept.entries.len())
        }
        Ok(None) => None,
        Err(failure) => {
            let why = advice(&failure).message;
            shell.out.warn(format!("The journal could not be brought back: {why}. Reports read it from the store."));
            None
        }
    }
}

/// The sets of the configuration that came back; none if none did.
fn configured(report: &RecoverReport) -> Result<Vec<String>, Failure> {
    let Some(path) = &report.config else { return Ok(vec![]) };
    let failed = |e: std::io::Error| Failure::usage(format!("{}: {e}", path.display()), "See the configuration.");
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let config = crate::config::parse_kept(&text, &path.to_string_lossy())?;
    Ok(config.sets.iter().map(|s| s.name.clone()).collect())
}

/// The id decides; a person may type it, but nothing may be believed without one.
fn which_repository(shell: &Shell, args: &RecoverArgs, given: &Given) -> Result<RepositoryId, Failure> {
    if args.id.is_none() && given.repository.is_none() && wiring::can_ask() {
        shell.out.to_stderr("Type the repository's id from the recovery sheet, then Enter:");
        let mut line = String::new();
        shell.typed(&mut std::io::stdin().lock(), &mut line)?;
        return keyfile::parse_id(&line);
    }
    keyfile::repository_of(None, args.id.as_deref(), given)
}

fn store(shell: &Shell, args: &RecoverArgs) -> Result<Store, Failure> {
    let endpoint = args.endpoint.as_deref().map(|e| Url::parse(e).ok().filter(Url::has_host));
    if let Some(None) = endpoint {
        return Err(Failure::usage("--endpoint is no address of a server", "Write it as https://s3.example.com"));
    }
    let host = endpoint.flatten().and_then(|e| e.host_str().map(str::to_owned)).unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if args.allow_http && !here {
        let hint = "Plain HTTP is for this computer itself (127.0.0.1). Use https:// and leave --allow-http out.";
        return Err(Failure::usage("--allow-http would send the store's credentials in the clear", hint));
    }
    Ok(open(&options(args), &shell.handle)?)
}

fn options(args: &RecoverArgs) -> StoreOptions {
    StoreOptions {
        url: args.repository.clone(),
        endpoint: args.endpoint.clone(),
        region: args.region.clone(),
        virtual_hosted: args.virtual_hosted,
        allow_http: args.allow_http,
        credentials: StoreCredentials { account: args.account.clone(), ..StoreCredentials::default() },
        ..StoreOptions::default()
    }
}

fn say(shell: &Shell, report: &RecoverReport, to: &Path, dir: &StateDir) {
    let out = &shell.out;
    for warning in &report.restored.warnings {
        out.note(printable(warning.as_bytes()));
    }
    let restored = &report.restored;
    out.say(format!("Recovered {}, {}.", counted(restored.files, "file", "files"), size(restored.bytes)));
    out.say(format!("The documents are at:     {}", to.display()));
    match &report.config {
        Some(path) => out.say(format!("The configuration is at:  {}", path.display())),
        None => out.say("No configuration was stored with the backup: write one (strongroom config example)."),
    }
    match (&report.enrolled, &report.not_enrolled) {
        (Some(_), _) => out.say(format!("This computer's keys are: {}", dir.path().display())),
        (None, why) => out.note(why.as_deref().unwrap_or("this computer was not added to the repository")),
    }
    if report.enrolled.is_some() {
        out.say("\nWhat to do next:");
        out.say("  1. Look at the configuration: its folders must be where the documents are now, and its [state] dir");
        out.say(format!("     must be {}. Then move it to /etc/strongroom/council.toml.", dir.path().display()));
        out.say("  2. Cut off the computers that are lost, so that this one may go on in their place:");
        for machine in &report.still_valid {
            out.say(format!("       strongroom actor revoke '{}'", shown(&machine.name)));
        }
        out.say("  3. strongroom run");
    }
    for machine in &report.still_valid {
        out.object(json!({
            "message_type": "still_valid", "name": machine.name, "machine": machine.machine, "actors": machine.actors,
        }));
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Args, Command};

    fn typed(words: &str) -> StoreOptions {
        let line = format!("strongroom recover --to /srv/back {words}");
        let Command::Recover(args) = Args::try_parse_from(line.split(' ')).unwrap().command else { panic!("recover") };
        options(&args)
    }

    #[test]
    fn every_kind_of_store_can_be_named() {
        let azure = typed("--repository az://container/p --account councilstore");
        assert_eq!(azure.credentials.account.as_deref(), Some("councilstore"));
        let other = "--repository s3://bucket/p --endpoint https://s3.example.com";
        assert!(!typed(other).virtual_hosted);
        assert!(typed(&format!("{other} --virtual-hosted")).virtual_hosted);
    }
}
