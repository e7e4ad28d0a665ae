//! Floor 3: when things run, and who is told. Runs jobs, keeps the journal, decides and sends notices.
//!
//! Nothing here fails in silence: what cannot be journalled, stored or sent is in the [`runner::RunSummary`].

pub mod access;
pub mod causes;
pub mod changes;
pub mod contacts;
pub mod durable;
pub mod history;
pub mod html;
pub mod journal;
pub mod lead;
pub mod mail;
pub mod metrics;
mod opened;
pub mod outbox;
mod outcome;
pub mod pages;
pub mod plain;
pub mod policy;
pub mod post;
mod reference;
pub mod report;
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
pub mod voice;
pub mod watch;
pub mod web;
pub mod weekly;
pub mod words;
