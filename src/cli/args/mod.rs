//! What can be typed. Clap checks the form; nothing here touches anything.
//!
//! A command stands here only when all of it is built.

mod keeping;
mod limits;
mod reading;
mod report;
mod retention;
mod schedule;
mod trust;
mod verify;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

pub use keeping::{BackupArgs, PruneArgs};
pub use limits::{Bytes, Span};
pub use reading::{
    CatArgs, DiffArgs, FindArgs, HistoryArgs, LsArgs, Overwrite, RecoverArgs, RepairArgs, RestoreArgs, SnapshotsArgs,
    When,
};
pub use report::{AccessArgs, AccessCommand, EndArgs, Format, ProviderCommand, ReportArgs};
pub use retention::{
    AdoptArgs, ApplyArgs, ApproveArgs, AssignArgs, CancelArgs, CertificateArgs, ClassesArgs, DateArgs, HoldCommand,
    HoldListArgs, LintArgs, PlaceArgs, PlanArgs, ReleaseArgs, RetentionCommand, ReviewArgs, UnassignArgs, WhyArgs,
};
pub use schedule::{InstallArgs, RemoveArgs, ScheduleCommand, WhereArgs};
pub use trust::{
    AckArgs, ActorCommand, IncidentCommand, InitArgs, KeyCommand, KeyDrillArgs, KeyFile, NotifyCommand, ProblemCommand,
};
pub use verify::{AcceptArgs, DrillArgs, ScrubArgs, VerifyArgs, VerifyCommand};

const EXIT_CODES: &str = "\
Exit codes:
    0  done, and something was examined
    1  failed
    2  usage or configuration; nothing was touched
    3  finished, but some files could not be read or some deletions were refused
    4  damage was found
    5  overdue: a backup, or the test of a part of it, is too old or will be
    6  refused by a safety check
   10  there is no repository at that address
   12  the key does not open this repository
  130  interrupted; run it again and it goes on

Without --config, the file is the first of $STRONGROOM_CONFIG, ./council.toml, /etc/strongroom/council.toml.";

/// Keeps a council's documents recoverable, and proves it.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, arg_required_else_help = true, after_long_help = EXIT_CODES)]
#[command(max_term_width = 110, disable_help_subcommand = true)]
pub struct Args {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Globals,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}
/// What holds for every command.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Globals {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "home")]
    pub config: Option<PathBuf>,
    /// Configuration, state and repository together in one folder: DIR/council.toml if it is there, else a trial
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// One JSON object a line; the last is a summary
    #[arg(long, global = true)]
    pub json: bool,
    /// Say only what was asked for, and what went wrong
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Send the store no more than so much a second, such as 2MiB
    #[arg(long, global = true, value_name = "SIZE")]
    pub limit_upload: Option<Bytes>,
    /// Take no more than so much a second from it
    #[arg(long, global = true, value_name = "SIZE")]
    pub limit_download: Option<Bytes>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the repository, its keys and the recovery sheet, or join one that is there
    Init(InitArgs),
    /// The whole job: back up, test by bringing files back, thin, reclaim space, tell people
    Run(RunArgs),
    /// Stay, and run the whole job whenever the schedule asks for it
    Serve,
    /// What starts the runs: a systemd timer or service, or a crontab line
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Are we safe? In plain words
    Status,
    /// From another computer, for one council or many: are backups made there?
    Watch(WatchArgs),
    /// Look for what could go wrong: files, disks, store, keys, clock, mail
    Doctor,
    /// Show an example of the configuration, or check yours
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Back up now
    Backup(BackupArgs),
    /// Drop old snapshots by the rule, and reclaim the space
    Prune(PruneArgs),
    /// List the snapshots
    Snapshots(SnapshotsArgs),
    /// List the records of a folder
    Ls(LsArgs),
    /// Write one record's content to the standard output
    Cat(CatArgs),
    /// Find records by a part of their name, also deleted ones
    Find(FindArgs),
    /// List the versions of one record
    History(HistoryArgs),
    /// What changed between two snapshots
    Diff(DiffArgs),
    /// Bring records back
    #[command(after_help = reading::RESTORE_EXAMPLES)]
    Restore(RestoreArgs),
    /// Bring everything back on a new computer, with the recovery sheet
    #[command(after_help = reading::RECOVER_EXAMPLES)]
    Recover(RecoverArgs),
    /// After damage: what can be had back, and what is lost
    #[command(after_help = reading::REPAIR_EXAMPLES)]
    Repair(RepairArgs),
    /// Prove that what is stored is there and right
    #[command(subcommand)]
    Verify(VerifyCommand),
    /// Examine documents for a test restore, which starts this itself
    #[command(hide = true)]
    Examine,
    /// Write what a package carries: manual pages, completions, the configuration's schema
    #[command(hide = true)]
    PackageFiles {
        /// The folder
        to: PathBuf,
    },
    /// How long records are kept, by the council's own scheme, and how they go
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// Records that must be kept whatever the scheme says
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Who can read the backups
    #[command(subcommand)]
    Key(KeyCommand),
    /// Who can add to the backups
    #[command(subcommand)]
    Actor(ActorCommand),
    /// What people outside the council may do
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Show the signed log of the repository
    Log(LogArgs),
    /// What can be shown of a year or any other time, for the auditor
    Report(ReportArgs),
    /// Messages to people
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// What a person must look at before anything is thinned or deleted
    #[command(subcommand)]
    Incident(IncidentCommand),
    /// What a person lives with for a time
    #[command(subcommand)]
    Problem(ProblemCommand),
}
/// `run`
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Try it out without any configuration: back up this folder into a repository on this computer
    #[arg(long, value_name = "DIR")]
    pub folder: Vec<PathBuf>,
    /// The backups alone: no test, no clean-up
    #[arg(long, conflicts_with = "folder")]
    pub backups_only: bool,
    /// Where the configuration cannot be used, go on with that of the last good run, and tell people
    #[arg(long, conflicts_with = "folder")]
    pub last_good: bool,
}
/// `watch`
#[derive(Debug, clap::Args)]
pub struct WatchArgs {
    /// Print a commented watch.toml with every key
    #[arg(long)]
    pub example: bool,
    /// A council whose store has not answered after so long, such as 2m, is given up for this time
    #[arg(long, value_name = "TIME", default_value = "2m")]
    pub limit: Span,
}
/// `config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print a commented configuration with every key
    Example,
    /// Check the configuration; touch nothing
    Check,
    /// Print the JSON schema of the configuration, for editors
    Schema,
}

/// `log`
#[derive(Debug, clap::Args)]
pub struct LogArgs {
    /// Read the whole log from the store again and check every signature and link
    #[arg(long)]
    pub verify: bool,
    /// The newest entries up to this number are junk that somebody put into the store: go on after them
    #[arg(long, value_name = "N", requires = "yes")]
    pub step_over: Option<u64>,
    /// A file with the recovery sheet's key, for --step-over (asked for if absent)
    #[arg(long, value_name = "FILE")]
    pub recovery_key_file: Option<PathBuf>,
    /// Nobody's own computer remembers an entry of that number: it was never a real one
    #[arg(long)]
    pub yes: bool,
}

impl Command {
    /// The words that name it, for the summary.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Init(_) => "init",
            Self::Run(_) => "run",
            Self::Serve => "serve",
            Self::Schedule(c) => c.name(),
            Self::Status => "status",
            Self::Watch(_) => "watch",
            Self::Doctor => "doctor",
            Self::Config(ConfigCommand::Example) => "config example",
            Self::Config(ConfigCommand::Check) => "config check",
            Self::Config(ConfigCommand::Schema) => "config schema",
            Self::Backup(_) => "backup",
            Self::Prune(_) => "prune",
            Self::Snapshots(_) => "snapshots",
            Self::Ls(_) => "ls",
            Self::Cat(_) => "cat",
            Self::Find(_) => "find",
            Self::History(_) => "history",
            Self::Diff(_) => "diff",
            Self::Restore(_) => "restore",
            Self::Recover(_) => "recover",
            Self::Repair(_) => "repair",
            Self::Verify(VerifyCommand::Check(_)) => "verify check",
            Self::Verify(VerifyCommand::Scrub(_)) => "verify scrub",
            Self::Verify(VerifyCommand::Restore(_)) => "verify restore",
            Self::Verify(VerifyCommand::Coverage) => "verify coverage",
            Self::Verify(VerifyCommand::Drill(_)) => "verify drill",
            Self::Verify(VerifyCommand::Store) => "verify store",
            Self::Verify(VerifyCommand::Accept(_)) => "verify accept",
            Self::Examine => "examine",
            Self::PackageFiles { .. } => "package-files",
            Self::Retention(c) => c.name(),
            Self::Hold(c) => c.name(),
            Self::Key(c) => c.name(),
            Self::Actor(c) => c.name(),
            Self::Provider(c) => c.name(),
            Self::Log(_) => "log",
            Self::Report(_) => "report",
            Self::Notify(c) => c.name(),
            Self::Incident(c) => c.name(),
            Self::Problem(c) => c.name(),
        }
    }
}

/// The words that name the command, out of words that make none; as many of them as are there.
pub fn name_in(words: &[OsString]) -> String {
    let (mut at, mut name, mut words) = (Args::command(), vec![], words.iter());
    while let Some(word) = words.next() {
        let Some(word) = word.to_str() else { break };
        if let Some(found) = at.find_subcommand(word) {
            name.push(word);
            at = found.clone();
        } else if let Some(long) = word.strip_prefix("--") {
            // Its value is no command.
            let globals = Args::command();
            let known = |c: &clap::Command| {
                c.get_arguments().any(|a| a.get_long() == Some(long) && a.get_action().takes_values())
            };
            if known(&at) || known(&globals) {
                words.next();
            }
        } else if !word.starts_with('-') {
            break;
        }
    }
    name.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        let mut command = Args::command();
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        assert!(help.contains("Exit codes:") && help.contains("--home <DIR>"), "{help}");
    }

    #[test]
    fn the_command_is_named_even_where_its_words_make_no_sense() {
        let name = |typed: &str| name_in(&typed.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(name("--home status retention approve soon --by x --json"), "retention approve");
        assert_eq!(name("status --nonsense --json"), "status");
        assert_eq!(name("find status --json --set"), "find");
        assert_eq!(name("--json retention"), "retention");
        assert_eq!(name("--config=/c verify nothing"), "verify");
        assert_eq!(name("nothing --json"), "");
    }

    #[test]
    fn home_and_config_exclude_each_other() {
        let both = ["strongroom", "--home", "/h", "--config", "/c", "status"];
        assert!(Args::try_parse_from(both).is_err());
        assert!(Args::try_parse_from(["strongroom", "status", "--home", "/h"]).is_ok());
    }
}
