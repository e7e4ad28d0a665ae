//! What `verify …` takes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Subcommand;

use super::limits::{Bytes, Span};

/// `verify …`
#[derive(Debug, Subcommand)]
pub enum VerifyCommand {
    /// Everything the log names is in the store, with the size it should have: names only, so a budget shortens nothing
    Check(VerifyArgs),
    /// Stored bytes are read and digested again; needs no reading key, and with --keyless none at all
    Scrub(ScrubArgs),
    /// Records are brought back from the store, compared, and opened
    Restore(VerifyArgs),
    /// How long since each byte was brought back, and whether the promise about that can be kept
    Coverage,
    /// As after a disaster: whole sets come back to an empty place, and the time is taken
    Drill(DrillArgs),
    /// The store itself: what it does to protect what lies in it, and whether that is what the settings claim
    Store,
    /// You have looked: a document that a test restore calls spoiled is as it should be
    Accept(AcceptArgs),
}

/// How much to verify.
#[derive(Debug, Clone, clap::Args)]
pub struct VerifyArgs {
    /// Everything, however long it takes
    #[arg(long, conflicts_with_all = ["max_bytes", "max_duration"])]
    pub all: bool,
    /// Stop after so much, such as 10GiB
    #[arg(long, value_name = "SIZE")]
    pub max_bytes: Option<Bytes>,
    /// Stop after so long, such as 2h
    #[arg(long, value_name = "TIME")]
    pub max_duration: Option<Span>,
}

/// `verify scrub`
#[derive(Debug, Clone, clap::Args)]
pub struct ScrubArgs {
    /// How much of it.
    #[command(flatten)]
    pub limits: VerifyArgs,
    /// On any computer that may read the store: what is named by the digest of its bytes is compared with its name
    #[arg(long)]
    pub keyless: bool,
}

/// `verify drill`
#[derive(Debug, Clone, clap::Args)]
pub struct DrillArgs {
    /// This set only (default: all of them)
    #[arg(long, value_name = "SET")]
    pub set: Option<String>,
    /// Only documents drawn by chance, up to so much, such as 1GiB
    #[arg(long, value_name = "SIZE", conflicts_with = "set")]
    pub sample: Option<Bytes>,
    /// How fast the link of the computer would be that all this comes back to, in Mbit/s: for the projection
    #[arg(long, value_name = "MBIT", value_parser = clap::value_parser!(u32).range(1..))]
    pub link_mbit: Option<u32>,
    /// A folder with room for everything; one of its own is made in it, and removed again (default: one in this computer's state folder)
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// Leave what came back there, to look at it
    #[arg(long, requires = "to")]
    pub keep: bool,
}

/// `verify accept`
#[derive(Debug, clap::Args)]
pub struct AcceptArgs {
    /// The record, as the test restore names it
    #[arg(value_name = "PATH")]
    pub path: OsString,
    /// Who has looked
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Why it is as it should be
    #[arg(long, value_name = "TEXT")]
    pub note: String,
}
