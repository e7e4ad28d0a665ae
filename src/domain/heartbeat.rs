//! A sign of life that anybody with access to the store may read: that a machine was at work, and how it went.
//!
//! It is public, so it holds times, numbers, digests and three words: no name of a set, folder, person or computer can be
//! written into it. Sets appear under labels that only a holder of the writing keys can make.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::{ActorId, Link, NotAnId, RepositoryId};

/// The version of what a heartbeat says.
pub const VERSION: u32 = 1;

/// What a machine says of itself when a run has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// [`VERSION`], or that of a newer program.
    pub v: u32,
    /// Of which repository.
    pub repository: RepositoryId,
    /// Whose it is; it signed.
    pub actor: ActorId,
    /// Counts this actor's heartbeats, from 1.
    pub sequence: u64,
    /// When (its clock), to the second.
    pub time: Timestamp,
    /// How it saw itself.
    pub health: Health,
    /// The sets that it backs up.
    pub sets: Vec<SetBeat>,
    /// The newest entry of the log that it knows.
    pub log: LogEnd,
}

/// The status in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// All is well.
    Green,
    /// Something should be done.
    Amber,
    /// Something is wrong.
    Red,
}

/// One set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetBeat {
    /// Which, to those who can tell.
    pub set: SetLabel,
    /// When it was last backed up well.
    pub last: Option<Timestamp>,
}

/// The end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEnd {
    /// The number of the newest entry.
    pub n: u64,
    /// The link after it.
    pub link: Link,
}

/// What a set is called in public: 16 hexadecimal digits that say nothing of its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetLabel([u8; 8]);

impl SetLabel {
    /// Wraps eight bytes that were made from a key.
    pub const fn new(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}
impl fmt::Display for SetLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
impl fmt::Debug for SetLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SetLabel({self})")
    }
}
impl FromStr for SetLabel {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAnId)?;
        if hex::encode(bytes) == text { Ok(Self(bytes)) } else { Err(NotAnId) }
    }
}
impl Serialize for SetLabel {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.to_string())
    }
}
impl<'de> Deserialize<'de> for SetLabel {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_16_lower_case_digits_and_nothing_else() {
        let label = SetLabel::new([0xab, 1, 2, 3, 4, 5, 6, 0xff]);
        assert_eq!(
            (label.to_string(), format!("{label:?}")),
            ("ab010203040506ff".into(), "SetLabel(ab010203040506ff)".into())
        );
        assert_eq!("ab010203040506ff".parse(), Ok(label));
        for bad in ["", "ab", "AB010203040506FF", "ab010203040506ffff", "zb010203040506ff"] {
            assert_eq!(bad.parse::<SetLabel>(), Err(NotAnId), "{bad}");
        }
    }
}
