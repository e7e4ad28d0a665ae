//! What a test restore is asked for. Without a limit of its own it does what the promise needs.

use std::time::Duration;

use crate::ops::fs::walk::Source;
use crate::ops::verify::coverage::Promise;
use crate::ops::verify::opening::SoundOptions;
use crate::ops::verify::rotation::AT_ONCE;

/// How much to test, and what to compare with.
#[derive(Debug, Clone)]
pub struct TestOptions {
    /// Every document of every snapshot, and every pack.
    pub all: bool,
    /// What the budget is for.
    pub promise: Promise,
    /// Bytes to bring from the store, whatever the promise needs and allows.
    pub bytes: Option<u64>,
    /// Documents to bring back.
    pub documents_per_run: usize,
    /// Begin nothing new after this long; at least one document and one pack are tested.
    pub max_duration: Option<Duration>,
    /// Folders as they are backed up here, to compare live files with; may be empty.
    pub folders: Vec<Source>,
    /// Live files held in memory at a time.
    pub live_at_once: usize,
    /// How to see whether what comes back still opens; without it nobody looks.
    pub sound: Option<SoundOptions>,
}

impl Default for TestOptions {
    fn default() -> Self {
        Self {
            all: false,
            promise: Promise::default(),
            bytes: None,
            documents_per_run: 200,
            max_duration: None,
            folders: vec![],
            live_at_once: AT_ONCE,
            sound: None,
        }
    }
}
