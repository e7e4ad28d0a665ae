//! The law of retention: cases that a clerk can read (`retention_cases.toml`), and thousands of generated histories
//! against a slow model that shares no code with it.

// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

#[path = "retention/cases.rs"]
mod cases;
#[path = "retention/model.rs"]
mod model;
#[path = "retention/properties.rs"]
mod properties;
#[path = "retention/worlds.rs"]
mod worlds;
