//! Random bytes that are the same in every run with the same seed: never for anything that must stay secret.

use crate::domain::clock::Entropy;
use std::sync::{Mutex, PoisonError};

/// An endless stream of bytes drawn from a seed.
pub struct SeededEntropy {
    stream: Mutex<blake3::OutputReader>,
}

impl SeededEntropy {
    /// The stream of one seed.
    pub fn new(seed: u64) -> Self {
        let stream = blake3::Hasher::new_derive_key("strongroom seeded entropy for tests")
            .update(&seed.to_le_bytes())
            .finalize_xof();
        SeededEntropy { stream: Mutex::new(stream) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_that_does_not_repeat() {
        let (one, same, other) = (SeededEntropy::new(7), SeededEntropy::new(7), SeededEntropy::new(8));
        let first = one.bytes32();
        assert_eq!(first, same.bytes32());
        assert_ne!(first, other.bytes32());
        assert_ne!(first, one.bytes32());
    }
}
