//! Arguments of the commands that look into the backup or bring something back.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;

use super::trust::KeyFile;

pub(super) const RESTORE_EXAMPLES: &str = "\
A PATH is a record's path (Documents/Minutes/May.docx), a path on this computer, or a name; * and ? stand for any
letters. Alone, on a terminal, restore asks. Nothing on this computer is overwritten unless you say so.

Examples:
  strongroom restore
  strongroom restore 'Documents/Minutes/May.docx'
  strongroom restore Documents/Planning --deleted --at 2026-05-01 --to /tmp/planning
  strongroom restore --all --set documents --to /srv/restored
  strongroom restore 'Documents/*.docx' --in-place --preview";

pub(super) const RECOVER_EXAMPLES: &str = "\
Store credentials come from the environment (AWS_ACCESS_KEY_ID, AZURE_STORAGE_ACCOUNT_KEY and so on). Documents and
configuration land in --to; this computer's own keys where the configuration has its [state] dir, if it can be written.

Example:
  strongroom recover --repository s3://bucket/prefix --region eu-west-2 --recovery-key-file sheet.txt --to /srv/council";

/// Which state of the backup.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct When {
    /// Only this set
    #[arg(long, value_name = "NAME")]
    pub set: Option<String>,
    /// As it was on this day or at this moment: 2026-05-01, or 2026-05-01T14:30
    #[arg(long, value_name = "DATE", conflicts_with = "snapshot")]
    pub at: Option<String>,
    /// As it was in this snapshot
    #[arg(long, value_name = "ID")]
    pub snapshot: Option<u64>,
}

/// `snapshots`
#[derive(Debug, clap::Args)]
pub struct SnapshotsArgs {
    /// Only this set
    #[arg(long, value_name = "NAME")]
    pub set: Option<String>,
}

/// `ls`
#[derive(Debug, clap::Args)]
pub struct LsArgs {
    /// The folder; without it, the sets' folders
    #[arg(value_name = "PATH")]
    pub path: Option<OsString>,
    /// Which state.
    #[command(flatten)]
    pub when: When,
    /// Also what was deleted since
    #[arg(long)]
    pub deleted: bool,
    /// All below it
    #[arg(long, short)]
    pub recursive: bool,
}

/// `cat`
#[derive(Debug, clap::Args)]
pub struct CatArgs {
    /// The record
    #[arg(value_name = "PATH")]
    pub path: OsString,
    /// Which state.
    #[command(flatten)]
    pub when: When,
}

/// `find`
#[derive(Debug, clap::Args)]
pub struct FindArgs {
    /// A part of the name; * and ? stand for any letters
    #[arg(value_name = "NAME")]
    pub name: OsString,
    /// Only this set
    #[arg(long, value_name = "SET")]
    pub set: Option<String>,
}

/// `history`
#[derive(Debug, clap::Args)]
pub struct HistoryArgs {
    /// The record
    #[arg(value_name = "PATH")]
    pub path: OsString,
}

/// `diff`
#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// The earlier snapshot
    #[arg(value_name = "A")]
    pub a: u64,
    /// The later snapshot
    #[arg(value_name = "B")]
    pub b: u64,
}

/// `restore`
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// What to bring back
    #[arg(value_name = "PATH|PATTERN")]
    pub paths: Vec<OsString>,
    /// Everything (of the set given by --set, or of all sets)
    #[arg(long, conflicts_with = "paths")]
    pub all: bool,
    /// Which state.
    #[command(flatten)]
    pub when: When,
    /// Of a folder, also what had been deleted earlier
    #[arg(long)]
    pub deleted: bool,
    /// Where to put it (default: a new folder with today's date)
    #[arg(long, value_name = "DIR", conflicts_with = "in_place")]
    pub to: Option<PathBuf>,
    /// Put it where it came from
    #[arg(long)]
    pub in_place: bool,
    /// Show what --in-place would do; do nothing
    #[arg(long, requires = "in_place")]
    pub preview: bool,
    /// What --in-place does with a file that is there
    #[arg(long, value_enum, default_value = "never", requires = "in_place")]
    pub overwrite: Overwrite,
}

/// What to do with a file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Overwrite {
    /// Leave it
    Never,
    /// Replace it if its content differs; a safety copy stays
    IfChanged,
    /// Replace it; a safety copy stays
    Always,
}

/// `recover`
#[derive(Debug, clap::Args)]
pub struct RecoverArgs {
    /// The address of the repository, as printed on the recovery sheet
    #[arg(long, value_name = "URL")]
    pub repository: String,
    /// The key.
    #[command(flatten)]
    pub key: KeyFile,
    /// The same as --recovery-key-file
    #[arg(long, value_name = "FILE", conflicts_with = "recovery_key_file")]
    pub identity: Option<PathBuf>,
    /// The repository's id, as printed on the recovery sheet
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Where to put documents, configuration and state: a new or empty folder
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Another server than Amazon's or Microsoft's own
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The Azure storage account that holds the container
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Name the bucket in the server's name (bucket.s3.example.com), for stores that want it
    #[arg(long)]
    pub virtual_hosted: bool,
    /// The region of the store
    #[arg(long)]
    pub region: Option<String>,
    /// Allow plain HTTP, to a store on this computer only
    #[arg(long)]
    pub allow_http: bool,
}

/// Shown after the help of `repair`.
pub const REPAIR_EXAMPLES: &str = "\
Nothing is ever deleted. Without --yes or --accept nothing is stored either: it says what is damaged and what would be done.

Examples:
    strongroom repair
    strongroom repair --yes
    strongroom repair --accept all --by \"A. Clerk\" --note \"The paper copies are in the strongroom\"";

/// `repair`
#[derive(Debug, clap::Args)]
pub struct RepairArgs {
    /// Do it
    #[arg(long)]
    pub yes: bool,
    /// First read every stored byte again, to find what nobody has found yet
    #[arg(long)]
    pub all: bool,
    /// You accept that this cannot be restored any more: 'all', or the first digits of a damaged pack's name. It ends the
    /// alarm and stays on record
    #[arg(long, value_name = "PACK", requires_all = ["by", "note"], conflicts_with_all = ["yes", "all"])]
    pub accept: Vec<String>,
    /// Who accepts it
    #[arg(long, value_name = "NAME", requires = "accept")]
    pub by: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", requires = "accept")]
    pub note: Option<String>,
}
