//! What starts the runs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `schedule …`
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// Write what starts the runs: systemd's timer, or a crontab line where there is no systemd
    Install(InstallArgs),
    /// Take it away again
    Remove(RemoveArgs),
    /// What starts the runs, and when the next ones are due
    Status(WhereArgs),
}

/// Where the files lie.
#[derive(Debug, Clone, Args)]
pub struct WhereArgs {
    /// The folder that stands for / (for packages and images)
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
}

/// `schedule install`
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Strongroom itself stays and watches the clock (strongroom serve), instead of a timer
    #[arg(long, conflicts_with = "cron")]
    pub serve: bool,
    /// A crontab line, also where there is systemd
    #[arg(long)]
    pub cron: bool,
    /// Show what would be written; write nothing
    #[arg(long)]
    pub print: bool,
    /// Replace files that somebody has edited
    #[arg(long)]
    pub yes: bool,
    /// Where to
    #[command(flatten)]
    pub place: WhereArgs,
}

/// `schedule remove`
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Show what would be removed; remove nothing
    #[arg(long)]
    pub print: bool,
    /// Remove files that somebody has edited, too
    #[arg(long)]
    pub yes: bool,
    /// Where from
    #[command(flatten)]
    pub place: WhereArgs,
}

impl ScheduleCommand {
    /// The words that name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Install(_) => "schedule install",
            Self::Remove(_) => "schedule remove",
            Self::Status(_) => "schedule status",
        }
    }
}
