//! Strongroom: backup verification and retention enforcement for councils.
//!
//! - `config` (floor 4): one TOML file to its meaning, errors with line and caret.

pub mod cli;
pub mod config;
pub mod domain;
pub mod ops;
pub mod repo;
pub mod service;
