//! Bringing records back: to a folder, in place, to a stream, or to nowhere as a test.
//!
//! `select` says which records, `look` what is in their way; `plan` puts both together and touches nothing.
//! `window` turns files into stretches of packs, `engine` brings each pack once, and a sink (`disk`, `check`)
//! takes the bytes in whatever order packs come; `digest` proves each file as a whole all the same. A file appears under its name
//! only when it is complete and its digest is right.

pub mod apply;
mod attach;
pub mod cat;
pub mod check;
mod digest;
mod disk;
mod engine;
pub mod item;
mod look;
pub mod options;
mod part;
mod place;
pub mod plan;
pub mod report;
pub mod select;
mod window;

pub use apply::{apply, bring};
pub use cat::cat;
pub use check::{CheckReport, Lost, check_entries, check_into, check_stream};
pub use item::Doing;
pub use options::{Destination, Overwrite, RestoreOptions};
pub use part::Whole;
pub use plan::{RestorePlan, plan, plan_numbered};
pub use report::RestoreReport;
pub use select::Selected;
