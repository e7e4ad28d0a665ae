//! Amounts as people type them: `10GiB`, `2h`.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

use super::Globals;
use crate::repo::store::Rates;

/// An amount of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

const UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("kb", 1000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
];

impl FromStr for Bytes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write a whole number and a unit, such as 500MB or 10GiB".to_owned();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let unit = text[digits..].trim().to_ascii_lowercase();
        let factor = UNITS.iter().find(|(u, _)| *u == unit).ok_or_else(wrong)?.1;
        let bytes = text[..digits].parse::<u64>().ok().and_then(|n| n.checked_mul(factor));
        bytes.filter(|n| *n > 0).map(Self).ok_or_else(wrong)
    }
}

/// A length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = SignedDuration::from_str(text).ok().and_then(|d| Duration::try_from(d).ok());
        parsed.filter(|d| !d.is_zero()).map(Self).ok_or_else(|| "write it as 30m or 2h".to_owned())
    }
}

impl Globals {
    /// How fast it may go, as typed.
    pub fn rates(&self) -> Rates {
        let rate = |typed: Option<Bytes>| typed.and_then(|bytes| NonZeroU64::new(bytes.0));
        Rates { up: rate(self.limit_upload), down: rate(self.limit_download) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_type_them() {
        assert_eq!("10GiB".parse(), Ok(Bytes(10 << 30)));
        assert_eq!("500 mb".parse(), Ok(Bytes(500_000_000)));
        assert_eq!("4096".parse(), Ok(Bytes(4096)));
        for bad in ["", "GiB", "-1", "0", "1.5GB", "10 apples", "99999999999TiB"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
        assert_eq!("2h".parse(), Ok(Span(Duration::from_secs(7200))));
        assert_eq!("30m".parse(), Ok(Span(Duration::from_secs(1800))));
        for bad in ["", "2", "-2h", "0s", "soon"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}
