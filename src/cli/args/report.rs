//! Arguments of the report, and of the register of people outside the council.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use jiff::civil::Date;

use super::retention::day;
use crate::service::report::span::Span;

fn year(text: &str) -> Result<Span, String> {
    Span::year(text).ok_or_else(|| "write a financial year as 2026-27".into())
}

/// `report`
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// A financial year, 1 April to 31 March, such as 2026-27 (default: the one that is running)
    #[arg(long, value_name = "YEAR", value_parser = year, conflicts_with_all = ["from", "to"])]
    pub year: Option<Span>,
    /// The first day
    #[arg(long, value_name = "DATE", value_parser = day, requires = "to")]
    pub from: Option<Date>,
    /// The last day
    #[arg(long, value_name = "DATE", value_parser = day, requires = "from")]
    pub to: Option<Date>,
    /// As what it is printed
    #[arg(long, value_enum, default_value_t = Format::Markdown, conflicts_with = "dir")]
    pub format: Format,
    /// Write it into this folder instead, in every form, signed
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// The forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text
    Markdown,
    /// A page to print
    Html,
    /// For a spreadsheet
    Csv,
}

/// `provider …`
#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// The register of who outside the council may use which key
    #[command(subcommand)]
    Access(AccessCommand),
}

/// `provider access …`
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    /// Enter that somebody may use a key or password for a time
    Add(AccessArgs),
    /// Enter that the key was taken away
    End(EndArgs),
    /// Who may use what, and until when
    List {
        /// Those that have ended, too
        #[arg(long)]
        ended: bool,
    },
}

/// `provider access add`
#[derive(Debug, clap::Args)]
pub struct AccessArgs {
    /// The firm or person
    #[arg(long, value_name = "NAME")]
    pub who: String,
    /// Which key or account, in words; never the secret itself
    #[arg(long, value_name = "TEXT")]
    pub key: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub why: String,
    /// Who allows it
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// The first day (default: today)
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub from: Option<Date>,
    /// The last day
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub until: Date,
}

/// `provider access end`
#[derive(Debug, clap::Args)]
pub struct EndArgs {
    /// The number that `provider access list` shows
    #[arg(value_name = "NUMBER")]
    pub access: u64,
    /// The last day on which it could be used (default: today)
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub on: Option<Date>,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// How it was ended, such as "key deleted in the console"
    #[arg(long, value_name = "TEXT")]
    pub note: String,
}

impl ProviderCommand {
    /// The words that name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Access(AccessCommand::Add(_)) => "provider access add",
            Self::Access(AccessCommand::End(_)) => "provider access end",
            Self::Access(AccessCommand::List { .. }) => "provider access list",
        }
    }
}
