//! Floor 2: the operations. Each takes options and an open repository and gives a report; none prints,
//! reads configuration, asks the time or decides what a person should be told.

pub mod access;
pub mod backup;
pub mod error;
pub mod fs;
pub mod monitor;
pub mod proof;
pub mod prune;
pub mod query;
pub mod recover;
pub mod repair;
pub mod restore;
pub mod retention;
pub mod roster;
pub mod sound;
pub mod verify;

pub use error::OpsError;
pub use monitor::{Monitor, Silent, Stop};
