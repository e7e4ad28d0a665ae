//! The one door to Ed25519: one signing key an actor, one envelope for everything signed.

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use zeroize::Zeroizing;

use crate::domain::id::ActorId;

/// What is signed, so that a signature under one thing is never one under another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// An entry of the log.
    Log,
    /// A bundle in `keys/`.
    Keys,
    /// A certificate of disposal, or a report: its bare bytes, so that stock tools can check it. They begin with `{`, `<`, `#`
    /// or `R`, which no other purpose does.
    Certificate,
    /// A sign of life in `heartbeat/`.
    Heartbeat,
}

impl Purpose {
    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Log => b"strongroom-log-v1\0",
            Self::Keys => b"strongroom-keys-v1\0",
            Self::Certificate => b"",
            Self::Heartbeat => b"strongroom-heartbeat-v1\0",
        }
    }
}

/// An actor's secret signing key.
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// Wraps 32 secret bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
    /// The secret bytes, for storing.
    pub fn secret_bytes(&self) -> &[u8; 32] {
        &self.0
    }
    /// The public key.
    pub fn actor(&self) -> ActorId {
        ActorId::new(SigningKey::from_bytes(&self.0).verifying_key().to_bytes())
    }

    /// Signs `body` for `purpose`.
    pub fn sign(&self, purpose: Purpose, body: &[u8]) -> [u8; 64] {
        SigningKey::from_bytes(&self.0).sign(&[purpose.prefix(), body].concat()).to_bytes()
    }
}

impl Clone for Seed {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Whether `signature` is `actor`'s, over `body`, for `purpose`.
pub fn verify(actor: &ActorId, purpose: Purpose, body: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(actor.as_bytes()) else { return false };
    let Ok(signature) = Signature::from_slice(signature) else { return false };
    key.verify(&[purpose.prefix(), body].concat(), &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_one_author_one_purpose_and_one_text() {
        let (a, b) = (Seed::new([1; 32]), Seed::new([2; 32]));
        let s = a.sign(Purpose::Log, b"body");
        assert!(verify(&a.actor(), Purpose::Log, b"body", &s));
        assert!(!verify(&b.actor(), Purpose::Log, b"body", &s));
        assert!(!verify(&a.actor(), Purpose::Keys, b"body", &s));
        assert!(!verify(&a.actor(), Purpose::Log, b"Body", &s));
        assert!(!verify(&a.actor(), Purpose::Log, b"body", &s[..63]));
    }
}
