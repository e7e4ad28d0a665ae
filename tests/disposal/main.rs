//! Disposal: what is destroyed is gone from every stored byte, whatever happens meanwhile, and nothing else is.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

mod certificate;
mod crash;
mod cut_off;
#[path = "../support/growing.rs"]
mod growing;
mod guards;
mod killed;
mod left_over;
mod meanwhile;
mod names;
mod proof;
mod read_back;
mod refused;
mod town;
mod withdrawn;
