//! `init`: makes the repository, its keys and the recovery sheet; `init --join` enters one that is there.

use serde_json::json;

use crate::cli::args::InitArgs;
use crate::cli::failure::Failure;
use crate::cli::output::{Done, Out};
use crate::cli::sheet::Sheet;
use crate::cli::shell::Shell;
use crate::cli::{keyfile, stores, wiring};
use crate::config::Config;
use crate::domain::id::RepositoryId;
use crate::domain::log::entry::Role;
use crate::domain::problem::Verdict;
use crate::ops::roster::JoinRequest;
use crate::repo::create::{CreateOptions, Recovery, create};
use crate::repo::error::RepoError;
use crate::repo::local::LocalError;
use crate::repo::machine::Machine;
use crate::repo::store::{ProbeReport, Store, probe};
use crate::service::words::Role as Audience;

pub fn run(shell: &Shell, args: &InitArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    if args.join {
        return join(shell, &config, args);
    }
    let _lock = shell.lock(&config)?;
    if args.recovery_key_file.is_none() && (shell.out.is_json() || !wiring::is_seen()) {
        let hint = "Name a file for it: strongroom init --recovery-key-file FILE\nPrint that file, then keep it \
                    elsewhere than on this computer.";
        return Err(Failure::usage("the recovery sheet must go to paper, and here is no terminal to show it on", hint));
    }
    let store = stores::open_store(&config, &shell.system, &shell.handle, shell.globals.rates(), true)?;
    not_there(shell, &config)?;
    let report = try_out(shell, &config, &store)?;
    let single = config.repository.single_machine;
    let options =
        CreateOptions { machine_name: args.name.clone(), write_only: args.write_only_server, single_machine: single };
    let mut kept = Ok(());
    let id = create(&store, &shell.state(&config), &shell.env, &options, |recovery| {
        kept = keep(shell, &config, args, recovery);
        if kept.is_ok() { Ok(()) } else { Err(RepoError::Interrupted) }
    });
    kept?;
    let id = id?;
    next_steps(shell, &config, args, id);
    Ok(Done::ok()
        .with("repository", id.to_hex())
        .with("single_machine", single)
        .with("tried", report.findings.len())
        .with("conditional", report.conditional)
        .with("can_destroy", report.can_destroy))
}

/// A finished set-up is never begun again; one that was cut short goes on.
fn not_there(shell: &Shell, config: &Config) -> Result<(), Failure> {
    let state = shell.state(config);
    let pinned = state.load_machine()?.and_then(|m| m.repository);
    match pinned {
        Some(id) if !state.file("init.json").exists() => {
            let hint = "Nothing was changed. To see how it is: strongroom status\nTo begin another one, use another \
                        [repository] url and another [state] dir.";
            Err(Failure::refused(format!("this computer is set up already, for the repository {id}"), hint))
        }
        _ => Ok(()),
    }
}

/// Tries the store out and refuses what several machines could not share.
pub fn try_out(shell: &Shell, config: &Config, store: &Store) -> Result<ProbeReport, Failure> {
    let report = probe(store, &*shell.env.entropy)?;
    show(&shell.out, &report);
    if !report.conditional && !config.repository.single_machine {
        let hint = "Use a store that can create an object only if it is absent. If one computer alone will ever write \
                    here, backups and prune alike, say so: single_machine = true in [repository]";
        return Err(Failure::refused("this store cannot be shared safely: it overwrites without a word", hint));
    }
    Ok(report)
}

/// The findings, line by line.
pub fn show(out: &Out, report: &ProbeReport) {
    for finding in &report.findings {
        let (word, why) = match &finding.verdict {
            Verdict::Passed => ("ok", None),
            Verdict::Failed(why) => ("problem", Some(why)),
            Verdict::NotChecked(why) => ("not checked", Some(why)),
        };
        let detail = why.map(|w| format!(": {w}. {}", finding.todo)).unwrap_or_default();
        out.say(format!("store: {word}: {}{detail}", finding.what));
        out.object(
            json!({"message_type": "finding", "what": finding.what, "verdict": word, "why": why, "todo": finding.todo}),
        );
    }
}

fn keep(shell: &Shell, config: &Config, args: &InitArgs, recovery: &Recovery) -> Result<(), Failure> {
    let date = shell.env.clock.now().to_zoned(config.council.timezone.clone()).date();
    let sheet = Sheet {
        council: &config.council.name,
        repository: recovery.repository,
        address: &config.repository.url,
        flags: &crate::cli::sheet::flags(&config.repository.store),
        identity: &recovery.identity,
        date,
    };
    match &args.recovery_key_file {
        Some(path) => keyfile::write(path, &sheet),
        None => {
            shell.out.answer(format!("\n{}", sheet.printed()));
            if shell.out.is_closed() {
                let gone = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
                return Err(LocalError::new(std::path::Path::new("standard output"), &gone).into());
            }
            Ok(())
        }
    }
}

fn next_steps(shell: &Shell, config: &Config, args: &InitArgs, id: RepositoryId) {
    let out = &shell.out;
    out.say(format!("\nThe repository is made. Its id is {id}"));
    out.say("\nWhat to do next:");
    match &args.recovery_key_file {
        Some(path) => out.say(format!(
            "  1. Print {} and put the paper into the safe. Then remove the file from this computer.",
            path.display()
        )),
        None => out.say("  1. Print the recovery sheet above, or copy it by hand, and put it into the safe."),
    }
    out.say("  2. Make the first backup:              strongroom run");
    out.say("  3. Prove that the sheet works:         strongroom key sheet --check");
    if config.ways_to(Audience::Clerk).is_empty() {
        out.say(
            "  4. Say how messages reach the clerk, under [notify] in the configuration; then: strongroom notify test",
        );
    } else {
        out.say("  4. See that messages reach the clerk:  strongroom notify test");
    }
    out.say("  5. Run it every night:                 strongroom schedule install");
    if args.write_only_server {
        out.say(
            "\nThis computer can write backups but not read them: bring files back, test restores and prune where the \
             recovery sheet or another reading key is.",
        );
    }
}

fn join(shell: &Shell, config: &Config, args: &InitArgs) -> Result<Done, Failure> {
    let _lock = shell.lock(config)?;
    let state = shell.state(config);
    let machine = match state.load_machine()? {
        Some(machine) => machine,
        None => {
            let roles: &[Role] = if args.write_only_server {
                &[Role::Writer]
            } else {
                &[Role::Writer, Role::Tester, Role::Pruner, Role::Approver]
            };
            let machine = Machine::generate(&args.name, !args.write_only_server, roles, &*shell.env.entropy);
            state.save_machine(&machine)?;
            machine
        }
    };
    if let (Some(pinned), None) = (machine.repository, &args.id) {
        let message = format!("this computer belongs to the repository {pinned} already");
        return Err(Failure::refused(message, "Nothing was changed. To see how it is: strongroom status"));
    }
    match &args.id {
        None => Ok(ask(shell, &machine)),
        Some(id) => enter(shell, config, machine, keyfile::parse_id(id)?),
    }
}

fn ask(shell: &Shell, machine: &Machine) -> Done {
    let line = JoinRequest::of(machine).to_line();
    shell.out.say("Where the recovery sheet is, on a computer that uses the repository, run:\n");
    shell.out.answer(format!("strongroom actor add {line}"));
    shell.out.say("\nThe request holds no secret. Afterwards run here what that command prints.");
    Done::ok().with("request", line)
}

/// Pins the repository, and lets go of it again if it does not open.
fn enter(shell: &Shell, config: &Config, mut machine: Machine, id: RepositoryId) -> Result<Done, Failure> {
    let state = shell.state(config);
    if let Some(other) = machine.repository.filter(|r| *r != id) {
        let message = format!("this computer belongs to another repository: {other}");
        return Err(Failure::refused(message, "Nothing was changed. Use another [state] dir for another repository."));
    }
    machine.repository = Some(id);
    state.save_machine(&machine)?;
    match shell.open(config) {
        Ok(repo) => {
            shell.out.say(format!("This computer has joined the repository {id}. Next: strongroom run"));
            Ok(Done::ok().with("repository", id.to_hex()).with("entries", repo.state().next))
        }
        Err(failure) => {
            machine.repository = None;
            state.save_machine(&machine)?;
            Err(failure)
        }
    }
}
