//! Strongroom: backup verification and retention enforcement for councils.

pub mod domain;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
