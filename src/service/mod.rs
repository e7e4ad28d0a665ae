//! Floor 3: when things run, and who is told. Runs jobs, keeps the journal, decides and sends notices.
//!
//! Nothing here fails in silence: what cannot be journalled, stored or sent is in the [`runner::RunSummary`].

pub mod causes;
pub mod durable;
pub mod history;
pub mod journal;
pub mod mail;
pub mod metrics;
mod opened;
pub mod outbox;
mod outcome;
pub mod plain;
pub mod policy;
pub mod retention;
pub mod retention_notices;
pub mod retention_status;
mod roles;
pub mod runner;
pub mod schedule;
mod spare;
pub mod status;
pub mod technical;
pub mod texts;
pub mod words;
