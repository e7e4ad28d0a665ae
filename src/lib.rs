//! Strongroom: backup verification and retention enforcement for councils.

pub mod cli;
pub mod config;
pub mod domain;
pub mod ops;
pub mod repo;
pub mod service;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
