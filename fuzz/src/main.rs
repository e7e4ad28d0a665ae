//! The one fuzzer: which target it feeds, `STRONGROOM_FUZZ` says. The targets are `strongroom::testing::fuzz`, which an
//! ordinary test feeds with the kept inputs.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use strongroom::testing::fuzz::{Target, named};

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let target = TARGET.get_or_init(|| {
        let name = std::env::var("STRONGROOM_FUZZ").unwrap_or_default();
        named(&name).unwrap_or_else(|| panic!("STRONGROOM_FUZZ={name:?} names no target"))
    });
    target.feed(data);
});
