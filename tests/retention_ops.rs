//! Retention at work over simulated years: facts, plans, holds, dates, adoption, approval.
#![cfg(feature = "testing")]
// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

#[path = "retention_ops/council.rs"]
mod council;
#[path = "retention_ops/facts.rs"]
mod facts;
#[path = "retention_ops/histories.rs"]
mod histories;
#[path = "retention_ops/once.rs"]
mod once;
#[path = "retention_ops/plans.rs"]
mod plans;
#[path = "retention_ops/rulings.rs"]
mod rulings;
mod support;
