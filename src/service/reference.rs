//! What people quote on the telephone.
//!
//! A reference depends on what it is about and on the moment, and one that was given is never given again.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::words::{Cause, NotAWord};

/// What people quote on the telephone, such as `SR-2026-1122-K7Q`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference(String);

impl Reference {
    /// The reference of a trouble first seen at `first`: its local date and three letters or digits that depend on
    /// the cause and the moment. Vowels and look-alikes are left out; one in `taken` is never given again.
    pub fn derive(cause: &Cause, first: Timestamp, zone: &TimeZone, taken: &BTreeSet<Reference>) -> Self {
        Self::of(&cause.to_string(), first, zone, taken)
    }

    /// As [`Reference::derive`], for anything that has a stable key.
    pub fn of(key: &str, first: Timestamp, zone: &TimeZone, taken: &BTreeSet<Reference>) -> Self {
        const LETTERS: &[u8; 28] = b"23456789BCDFGHJKLMNPQRSTVWXZ";
        let day = first.to_zoned(zone.clone()).strftime("%Y-%m%d").to_string();
        let mut round = 0u32;
        loop {
            let digest = blake3::hash(format!("strongroom-reference {key} {} {round}", first.as_second()).as_bytes());
            let tail: String =
                digest.as_bytes()[..3].iter().map(|b| char::from(LETTERS[usize::from(*b) % LETTERS.len()])).collect();
            let reference = Self(format!("SR-{day}-{tail}"));
            if !taken.contains(&reference) {
                return reference;
            }
            round += 1;
        }
    }
}
impl TryFrom<String> for Reference {
    type Error = NotAWord;
    fn try_from(text: String) -> Result<Self, NotAWord> {
        let clean = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        if clean && text.starts_with("SR-") && text.len() <= 32 { Ok(Self(text)) } else { Err(NotAWord("reference")) }
    }
}
impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.0
    }
}
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::words::{JobKind, SetName, Trouble, Why};

    fn cause() -> Cause {
        Cause {
            trouble: Trouble::Failed(Why::StoreUnreachable),
            job: JobKind::Backup,
            set: Some(SetName::new("documents").unwrap()),
        }
    }

    #[test]
    fn a_reference_is_repeatable_and_never_given_twice() {
        let at: Timestamp = "2026-11-22T02:30:00Z".parse().unwrap();
        let first = Reference::derive(&cause(), at, &TimeZone::UTC, &BTreeSet::new());
        assert_eq!(first, Reference::derive(&cause(), at, &TimeZone::UTC, &BTreeSet::new()));
        assert!(first.to_string().starts_with("SR-2026-1122-") && first.to_string().len() == 16);
        let second = Reference::derive(&cause(), at, &TimeZone::UTC, &BTreeSet::from([first.clone()]));
        assert_ne!(first, second);
        assert_eq!(Reference::try_from(second.to_string()), Ok(second));
    }
}
