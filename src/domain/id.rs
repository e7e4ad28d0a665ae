//! Names of things: digests and the typed identifiers made from them.
//!
//! Every identifier is its own type, so that a pack name can never stand where a chunk id is meant.
//! All of them are 32 bytes, written as 64 lower-case hexadecimal digits; nothing else parses.

use std::fmt;
use std::str::FromStr;

use minicbor::{CborLen, Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text given is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of 64 hexadecimal digits")]
pub struct NotAnId;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, CborLen)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(with = "minicbor::bytes")] [u8; 32]);

        impl $name {
            /// Wraps 32 bytes that are already known to be this kind of identifier.
            pub const fn new(bytes: [u8; 32]) -> Self { Self(bytes) }
            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] { &self.0 }
            /// 64 lower-case hexadecimal digits.
            pub fn to_hex(&self) -> String { hex::encode(self.0) }
            /// The first eight digits, for people.
            pub fn short(&self) -> String { hex::encode(&self.0[..4]) }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.to_hex()) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> { parse_hex(text).map(Self) }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(&self.to_hex()) }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

fn parse_hex(text: &str) -> Result<[u8; 32], NotAnId> {
    if text.len() != 64 || text.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(NotAnId);
    }
    let mut bytes = [0u8; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAnId)?;
    Ok(bytes)
}

id_type!(
    /// The plain BLAKE3 digest of some bytes: of a stored object, or of a file's original content.
    Digest
);
id_type!(
    /// The keyed BLAKE3 digest of one chunk's raw bytes.
    ChunkId
);
id_type!(
    /// The digest of a pack's stored bytes, which is its name.
    PackName
);
id_type!(
    /// The digest of an index object's stored bytes, which is its name.
    IndexName
);
id_type!(
    /// The digest of a note's stored bytes, which is its name.
    NoteName
);
id_type!(
    /// The digest of log entry 0's stored bytes: the root of trust, pinned and printed.
    RepositoryId
);
id_type!(
    /// `link(n) = BLAKE3(link(n-1) || BLAKE3(bytes of n))`: everything up to and including entry n.
    Link
);
id_type!(
    /// An actor's Ed25519 public key.
    ActorId
);
id_type!(
    /// An opaque, random name of somebody (or some machine) who holds an identity.
    KeyholderId
);
id_type!(
    /// The random name of one run of one writer.
    SessionId
);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}
impl PackName {
    /// The name that an object with these stored bytes has.
    pub fn of(stored: &[u8]) -> Self {
        Self(*blake3::hash(stored).as_bytes())
    }
}
impl IndexName {
    /// The name that an object with these stored bytes has.
    pub fn of(stored: &[u8]) -> Self {
        Self(*blake3::hash(stored).as_bytes())
    }
}
impl NoteName {
    /// The name that an object with these stored bytes has.
    pub fn of(stored: &[u8]) -> Self {
        Self(*blake3::hash(stored).as_bytes())
    }
}
impl RepositoryId {
    /// The id of the repository whose entry 0 has these stored bytes.
    pub fn of_entry_zero(stored: &[u8]) -> Self {
        Self(*blake3::hash(stored).as_bytes())
    }
}
impl Link {
    /// The link before entry 0.
    pub const ORIGIN: Self = Self([0; 32]);
    /// The link after an entry with these stored bytes.
    pub fn then(&self, stored: &[u8]) -> Self {
        self.then_digest(blake3::hash(stored).as_bytes())
    }
    /// The link after an entry whose stored bytes have this BLAKE3 digest.
    pub fn then_digest(&self, digest: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(digest);
        Self(*hasher.finalize().as_bytes())
    }
}

/// A snapshot is named by the number of the log entry that committed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode, CborLen)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct SnapshotId(#[n(0)] pub u64);

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_64_lower_case_digits_parse() {
        let good = "ab".repeat(32);
        assert_eq!(good.parse::<Digest>().unwrap().to_hex(), good);
        for bad in ["", "ab", &"AB".repeat(32), &"zz".repeat(32), &"ab".repeat(33)] {
            assert_eq!(bad.parse::<Digest>(), Err(NotAnId), "{bad}");
        }
    }

    #[test]
    fn a_link_depends_on_order_and_on_every_byte() {
        let ab = Link::ORIGIN.then(b"a").then(b"b");
        assert_ne!(ab, Link::ORIGIN.then(b"b").then(b"a"));
        assert_ne!(ab, Link::ORIGIN.then(b"ab"));
        assert_ne!(ab, Link::ORIGIN.then(b"b"), "what came before counts");
    }

    #[test]
    fn a_snapshot_is_shown_as_its_number() {
        assert_eq!(SnapshotId(42).to_string(), "42");
    }
}
