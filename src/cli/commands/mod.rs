//! One file a command: from what was typed to an operation, and from its report to words.

mod actor;
mod ask;
mod backup;
mod config;
mod coverage;
mod disposed;
mod doctor;
mod doctor_machine;
mod doctor_schedule;
mod drill;
mod drills;
mod examine;
mod heartbeat;
mod hold;
mod incident;
mod init;
mod key;
mod key_drill;
mod last_good;
mod live;
mod log;
mod look;
mod notify;
mod notify_test;
mod opening;
mod package;
mod problem;
mod provider;
mod prune;
mod records;
mod recover;
mod repair;
mod report;
mod restore;
mod retention;
mod retention_of_run;
mod run;
mod schedule;
mod serve;
mod status;
mod trial;
mod verify;
mod verify_store;
mod voices;
mod watch;

pub use examine::run as examine;

use super::args::Command;
use super::failure::Failure;
use super::output::Done;
use super::shell::Shell;

/// Does what was typed.
pub fn run(shell: &Shell, command: Command) -> Result<Done, Failure> {
    match command {
        Command::Init(args) => init::run(shell, &args),
        Command::Serve => serve::run(shell),
        Command::Schedule(command) => schedule::run(shell, &command),
        Command::Status => status::run(shell),
        Command::Watch(args) => watch::run(shell, &args),
        Command::Doctor => doctor::run(shell),
        Command::Config(command) => config::run(shell, command),
        Command::Snapshots(args) => look::snapshots(shell, &args),
        Command::Ls(args) => look::ls(shell, &args),
        Command::Find(args) => look::find(shell, &args),
        Command::History(args) => look::history(shell, &args),
        Command::Diff(args) => look::diff(shell, &args),
        Command::Retention(command) => retention::run(shell, command),
        Command::Hold(command) => hold::run(shell, command),
        Command::Key(command) => key::run(shell, command),
        Command::Actor(command) => actor::run(shell, command),
        Command::Provider(command) => provider::run(shell, &command),
        Command::Log(args) => log::run(shell, &args),
        Command::Report(args) => report::run(shell, &args),
        Command::Notify(command) => notify::run(shell, &command),
        Command::Incident(command) => incident::run(shell, command),
        Command::Problem(command) => problem::run(shell, command),
        Command::Backup(args) => backup::run(shell, &args),
        Command::Cat(args) => restore::cat(shell, &args),
        Command::Restore(args) => restore::run(shell, &args),
        Command::Repair(args) => repair::run(shell, &args),
        Command::Recover(args) => recover::run(shell, &args),
        Command::Run(args) => run::run(shell, &args),
        Command::Prune(args) => prune::run(shell, &args),
        Command::PackageFiles { to } => package::run(shell, &to),
        Command::Examine => Ok(Done::with_exit(examine())),
        Command::Verify(command) => verify::run(shell, &command),
    }
}
