//! Floor 0: the words and the rules. No input or output, no waiting, no clock.

pub mod clock;
pub mod coverage;
pub mod drills;
pub mod heartbeat;
pub mod id;
pub mod listing;
pub mod log;
pub mod path;
pub mod pattern;
pub mod problem;
pub mod retention;
pub mod rotation;
