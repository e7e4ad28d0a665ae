//! Arguments of the commands about keys, machines, messages and incidents.

use std::path::PathBuf;

use clap::Subcommand;
use jiff::civil::Date;

/// Where the recovery key comes from.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct KeyFile {
    /// A file with the recovery sheet's key; without it, the key is asked for on the terminal
    #[arg(long, value_name = "FILE")]
    pub recovery_key_file: Option<PathBuf>,
}

/// `init`
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// This computer may write backups and prove them at writing, but never read them
    #[arg(long)]
    pub write_only_server: bool,
    /// Join a repository that another computer made: prints a request
    #[arg(long)]
    pub join: bool,
    /// Write the recovery sheet into this file, to be printed and then kept elsewhere
    #[arg(long, value_name = "FILE", conflicts_with = "join")]
    pub recovery_key_file: Option<PathBuf>,
    /// With --join: the repository's id, once the request was accepted
    #[arg(long, value_name = "ID", requires = "join")]
    pub id: Option<String>,
    /// What this computer is called in the log: a function, not a person
    #[arg(long, value_name = "NAME", default_value = "office server")]
    pub name: String,
}

/// `key …`
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Who holds a key
    List,
    /// Give another person or machine a key of their own
    Add {
        /// A function, not a person: "deputy clerk"
        name: String,
        /// Their age recipient (age1…), made with age-keygen
        #[arg(long, value_name = "age1…")]
        recipient: String,
        /// They may read the documents, not only the list of what is stored
        #[arg(long)]
        reads: bool,
        /// The key that may do this.
        #[command(flatten)]
        key: KeyFile,
    },
    /// Take a key away, for everything stored from now on
    Remove {
        /// The name or id that `key list` shows
        holder: String,
        /// The key that may do this.
        #[command(flatten)]
        key: KeyFile,
    },
    /// Change the sealing keys, for everything stored from now on
    Rotate {
        /// The key that may do this.
        #[command(flatten)]
        key: KeyFile,
    },
    /// Prove that a holder's key opens the repository, with that key alone: typed, or from a file
    Drill(KeyDrillArgs),
    /// Print the recovery sheet again, or prove that it works
    Sheet {
        /// The same as `key drill` for the recovery sheet's key
        #[arg(long)]
        check: bool,
        /// The sheet's key.
        #[command(flatten)]
        key: KeyFile,
    },
}

/// `key drill`
#[derive(Debug, clap::Args)]
pub struct KeyDrillArgs {
    /// The name or id that `key list` shows
    #[arg(value_name = "NAME")]
    pub holder: String,
    /// A file with the key, or - for the standard input; without it, the key is asked for on the terminal
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// `actor …`
#[derive(Debug, Subcommand)]
pub enum ActorCommand {
    /// Who may append to the log
    List,
    /// Accept a computer that asked with `init --join`
    Add {
        /// The request that it printed
        request: String,
        /// The key that may do this.
        #[command(flatten)]
        key: KeyFile,
    },
    /// Cut a computer off: what it appended from then on does not count
    Revoke {
        /// The name or id that `actor list` shows
        actor: String,
        /// The number of the first log entry that does not count (default: the next one)
        #[arg(long, value_name = "ENTRY")]
        from: Option<u64>,
        /// The key that may do this.
        #[command(flatten)]
        key: KeyFile,
    },
}

/// `notify …`
#[derive(Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send a test message on every way that is configured, and show what each server answers
    Test,
    /// Send what waits and may be tried again; strongroom serve does this itself
    Send,
    /// Say that a person knows: the clerk is not reminded for some days
    Ack(AckArgs),
    /// Say that the people and telephone numbers in the configuration are still right
    Confirm {
        /// Who says so
        #[arg(long, value_name = "NAME")]
        by: String,
    },
    /// Tell people that the last run ended badly and could not say so itself; for systemd's OnFailure
    Failed {
        /// The job at work was killed and has not ended: tell people in its stead
        #[arg(long, hide = true)]
        outlived: bool,
    },
}

/// `notify ack`
#[derive(Debug, clap::Args)]
pub struct AckArgs {
    /// The reference of the message (SR-…)
    #[arg(value_name = "REF")]
    pub reference: String,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// For how many days (1 to 30)
    #[arg(long, value_name = "DAYS", default_value = "7", value_parser = clap::value_parser!(u32).range(1..=30))]
    pub days: u32,
}

/// `problem …`
#[derive(Debug, Subcommand)]
pub enum ProblemCommand {
    /// What is open, and what a person lives with for a time
    List,
    /// Live with it until a day: nobody is reminded, unless it becomes worse or strikes anything else
    Accept {
        /// The reference of the message (SR-…)
        #[arg(value_name = "REF")]
        reference: String,
        /// The day on which it ends by itself, such as 2026-12-31
        #[arg(long, value_name = "DATE")]
        until: Date,
        /// Who says so
        #[arg(long, value_name = "NAME")]
        by: String,
    },
    /// Live with it no longer
    Withdraw {
        /// The reference of the message (SR-…)
        #[arg(value_name = "REF")]
        reference: String,
        /// Who says so
        #[arg(long, value_name = "NAME")]
        by: String,
    },
}

/// `incident …`
#[derive(Debug, Subcommand)]
pub enum IncidentCommand {
    /// What is open, and what was resolved
    List,
    /// Say that a person has looked, and what they found
    Resolve {
        /// The reference of the message (SR-…), or the number that `incident list` shows
        reference: String,
        /// Who says so
        #[arg(long, value_name = "NAME")]
        by: String,
        /// What was found
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
}

impl KeyCommand {
    /// The words that name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::List => "key list",
            Self::Add { .. } => "key add",
            Self::Remove { .. } => "key remove",
            Self::Rotate { .. } => "key rotate",
            Self::Drill(_) => "key drill",
            Self::Sheet { .. } => "key sheet",
        }
    }
}

impl ActorCommand {
    /// The words that name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::List => "actor list",
            Self::Add { .. } => "actor add",
            Self::Revoke { .. } => "actor revoke",
        }
    }
}

impl NotifyCommand {
    /// The words that name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Test => "notify test",
            Self::Send => "notify send",
            Self::Ack(_) => "notify ack",
            Self::Confirm { .. } => "notify confirm",
            Self::Failed { .. } => "notify failed",
        }
    }
}

impl ProblemCommand {
    /// The words that name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::List => "problem list",
            Self::Accept { .. } => "problem accept",
            Self::Withdraw { .. } => "problem withdraw",
        }
    }
}

impl IncidentCommand {
    /// The words that name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::List => "incident list",
            Self::Resolve { .. } => "incident resolve",
        }
    }
}
