//! Floor 2: what Strongroom does, built from the store below and the rules below that.

pub mod fs;
