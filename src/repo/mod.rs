//! Floor 1: the bytes in the bucket. `FORMAT.md` beside this file is the specification.
//!
//! `layout` names objects, `seal` and `compress` wrap them, `sign` and `envelope` vouch for them, `pack` and
//! `chunk` hold content, `log` the truth, `keys` and `machine` who can do what; `repository` puts them together.

mod bundles;
pub mod chunk;
pub mod compress;
pub mod copies;
pub mod create;
pub mod cut;
pub mod directories;
mod elsewhere;
pub mod envelope;
pub mod error;
pub mod heartbeat;
mod indexes;
pub mod keys;
mod lane;
pub mod last_listing;
pub mod layout;
pub mod listing;
pub mod local;
pub mod log;
pub mod log_copy;
pub mod machine;
pub mod notes;
pub mod open_pack;
pub mod pack;
pub mod reader;
pub mod repository;
pub mod seal;
pub mod sign;
pub mod store;
pub mod stretches;
pub mod view;
pub mod watching;
pub mod writer;
