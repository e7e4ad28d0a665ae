//! `schedule …`: writes, removes and finds what starts the runs. A file that somebody has edited is never lost unasked.

mod files;
mod starters;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use crate::cli::args::{InstallArgs, RemoveArgs, ScheduleCommand, WhereArgs};
use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::wiring_files::replace_public;
use crate::cli::{wiring, wiring_service};
use crate::config::{self, Config, Environment};
use crate::domain::problem::Exit;
use crate::repo::local;
use crate::service::history::fold;
use crate::service::plain::{People, span};
use crate::service::schedule::{Round, latest, next};
use files::{ALL, By, Unit, is_unedited};
pub use starters::find;

/// So many of the next runs are shown.
const SHOWN: usize = 3;

pub fn run(shell: &Shell, command: &ScheduleCommand) -> Result<Done, Failure> {
    match command {
        ScheduleCommand::Install(args) => install(shell, args),
        ScheduleCommand::Remove(args) => remove(shell, args),
        ScheduleCommand::Status(args) => status(shell, args),
    }
}

fn install(shell: &Shell, args: &InstallArgs) -> Result<Done, Failure> {
    let config = no_trial(shell.config()?)?;
    let root = absolute(&args.place.root)?;
    let systemd = shell.system.exists(&root.join("etc/systemd/system"));
    let by = match () {
        () if args.serve => By::Serve,
        () if args.cron || !systemd => By::Cron,
        () => By::Timer,
    };
    let command = files::command(&program(shell)?)?;
    let units = files::units(&config, by, &command)?;
    if args.print {
        for unit in &units {
            let text = || format!("==> {}\n{}", unit.path.display(), unit.text);
            let object = || json!({"message_type": "file", "path": unit.path.display().to_string(), "text": unit.text});
            shell.out.row(text, object);
        }
        return Ok(Done::ok().with("files", units.len()));
    }
    let edited: Vec<&Unit> = units.iter().filter(|u| is_edited(&root.join(&u.path), &u.text)).collect();
    if let Some(first) = edited.first().filter(|_| !args.yes) {
        let message = format!("{} was edited or is not ours, and would be replaced", root.join(&first.path).display());
        return Err(Failure::refused(message, "Look at it: strongroom schedule install --print\nTo replace it: --yes"));
    }
    for unit in &units {
        put(&root.join(&unit.path), &unit.text)?;
        shell.out.say(format!("Written: {}", root.join(&unit.path).display()));
    }
    let stale = retire(shell, &root, &units)?;
    enable(shell, &root, &units, by)?;
    next_runs(shell, &config);
    Ok(Done::ok().with("files", units.len()).with("removed", stale))
}

/// Takes away what an earlier installation wrote and this one does not want: two starters would both start the job.
fn retire(shell: &Shell, root: &Path, units: &[Unit]) -> Result<usize, Failure> {
    let wanted = |name: &str| units.iter().any(|u| u.path == Path::new(name));
    let there = ALL.iter().filter(|name| !wanted(name)).map(|name| root.join(name)).filter(|p| p.exists());
    let (ours, edited): (Vec<PathBuf>, Vec<PathBuf>) = there.partition(|p| is_ours(p));
    for path in edited {
        let path = path.display();
        shell
            .out
            .warn(format!("{path} was edited or is not ours, and is left. Does it start the same job? Look at it."));
    }
    disable(shell, root, &ours)?;
    for path in &ours {
        local::remove(path)?;
        shell.out.say(format!("Removed: {}", path.display()));
    }
    Ok(ours.len())
}

/// Whether this program wrote it, and nobody changed it since.
fn is_ours(path: &Path) -> bool {
    local::read(path).ok().flatten().is_some_and(|b| is_unedited(&String::from_utf8_lossy(&b)))
}

/// Tells systemd not to start any of these.
fn disable(shell: &Shell, root: &Path, files: &[PathBuf]) -> Result<(), Failure> {
    let name = |path: &PathBuf| path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let units: Vec<String> =
        files.iter().map(name).filter(|n| n.ends_with(".timer") || n.contains("-serve.")).collect();
    if units.is_empty() {
        return Ok(());
    }
    systemctl(shell, root, &[["disable".to_owned(), "--now".to_owned()].into_iter().chain(units).collect()])
}

fn no_trial(config: Config) -> Result<Config, Failure> {
    if config.trial {
        let hint = "Write a configuration first: strongroom config example";
        return Err(Failure::usage("a trial has no schedule", hint));
    }
    Ok(config)
}

/// This program, with the words that lead it to the configuration.
fn program(shell: &Shell) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e: std::io::Error| {
        Failure::said(Exit::Failed, format!("the system does not say where this program lies: {e}"), "")
    };
    let mut words = vec![wiring_service::executable().map_err(failed)?];
    if let Some(home) = shell.home()? {
        words.extend([PathBuf::from("--home"), home]);
    } else {
        let file = config::find(shell.globals.config.as_deref(), &shell.system)?;
        let file = absolute(&file)?;
        // Where it is looked for in any case.
        if file != Path::new(config::PLACES[1]) {
            words.extend([PathBuf::from("--config"), file]);
        }
    }
    Ok(words)
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |e| Failure::usage(format!("{}: {e}", path.display()), "Write the full path, beginning with /.");
    wiring::absolute(path).map_err(failed)
}

/// Whether something is there that this program would not write itself.
fn is_edited(path: &Path, text: &str) -> bool {
    match local::read(path) {
        Ok(None) => false,
        Ok(Some(old)) => old != text.as_bytes() && !is_unedited(&String::from_utf8_lossy(&old)),
        Err(_) => true,
    }
}

fn put(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        let message = format!("{} cannot be written: {e}", path.display());
        Failure::said(Exit::Failed, message, "Run this as root, or see what would be written: --print")
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    replace_public(path, text).map_err(failed)
}

/// Hands the units to systemd, if this is the running system.
fn enable(shell: &Shell, root: &Path, units: &[Unit], by: By) -> Result<(), Failure> {
    if by == By::Cron {
        return Ok(());
    }
    let started: Vec<String> = units.iter().filter(|u| u.is_started).map(Unit::name).collect();
    let mut enable = vec!["enable".to_owned(), "--now".to_owned()];
    enable.extend(started);
    systemctl(shell, root, &[vec!["daemon-reload".to_owned()], enable])?;
    let user = "The units run as the user strongroom. If there is none: useradd --system --home-dir /var/lib/strongroom \
                --shell /usr/sbin/nologin strongroom";
    shell.out.note(user);
    Ok(())
}

fn systemctl(shell: &Shell, root: &Path, calls: &[Vec<String>]) -> Result<(), Failure> {
    let runs = root == Path::new("/") && shell.system.exists(Path::new("/run/systemd/system"));
    for call in calls {
        let words: Vec<String> = ["systemctl".to_owned()].into_iter().chain(call.iter().cloned()).collect();
        if !runs {
            shell.out.say(format!("To do: {}", words.join(" ")));
            continue;
        }
        shell.system.command(&words).map_err(|e| {
            Failure::said(
                Exit::Failed,
                format!("{}: {e}", words.join(" ")),
                "The files are written. See what systemd says above.",
            )
        })?;
    }
    Ok(())
}

fn remove(shell: &Shell, args: &RemoveArgs) -> Result<Done, Failure> {
    let root = absolute(&args.place.root)?;
    let there: Vec<PathBuf> = ALL.iter().map(|name| root.join(name)).filter(|p| p.exists()).collect();
    if let Some(edited) = there.iter().find(|p| !is_ours(p)).filter(|_| !args.yes && !args.print) {
        let message = format!("{} was edited or is not ours", edited.display());
        return Err(Failure::refused(message, "To remove it all the same: --yes"));
    }
    if there.is_empty() {
        shell.out.say("There is nothing to remove.");
    }
    if !args.print {
        disable(shell, &root, &there)?;
    }
    for path in &there {
        if !args.print {
            local::remove(path)?;
        }
        let word = if args.print { "Would be removed" } else { "Removed" };
        shell.out.row(
            || format!("{word}: {}", path.display()),
            || json!({"message_type": "file", "path": path.display().to_string()}),
        );
    }
    Ok(Done::ok().with("files", there.len()))
}

fn status(shell: &Shell, args: &WhereArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let found = find(&absolute(&args.root)?, &config);
    for line in found.lines() {
        shell.out.answer(line);
    }
    shell.out.object(json!({"message_type": "starters", "starters": found}));
    let last = last(shell, &config);
    shell.out.answer(&last);
    next_runs(shell, &config);
    let schedule = &config.schedule;
    shell.out.say(format!("A run may take {}.", span(schedule.run_limit.as_secs().unsigned_abs())));
    Ok(Done::ok().with("found", found.any()).with("starters", found.count()))
}

fn last(shell: &Shell, config: &Config) -> String {
    let now = shell.env.clock.now();
    let begun = shell.journal(config).read().map(|all| fold(&all.entries).begun).unwrap_or_default();
    let zone = &config.council.timezone;
    match latest(&config.schedule, &begun, now, zone) {
        None => "The schedule has not asked for a run yet.".into(),
        Some((slot, true)) => format!("The run of {} was begun.", moment(config, slot)),
        Some((slot, false)) => format!("The run of {} was not begun yet.", moment(config, slot)),
    }
}

fn next_runs(shell: &Shell, config: &Config) {
    for (at, round) in next(&config.schedule, shell.env.clock.now(), &config.council.timezone, SHOWN) {
        let what = if round == Round::Whole { "the whole job" } else { "backups" };
        let line = || format!("Next: {}: {what}.", moment(config, at));
        shell.out.row(line, || json!({"message_type": "next", "at": at, "round": round}));
    }
}

fn moment(config: &Config, at: Timestamp) -> String {
    people(config).moment(at)
}

fn people(config: &Config) -> People {
    crate::cli::telling::people(config)
}
