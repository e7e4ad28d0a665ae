//! Text that people typed into the configuration, made fit for one line of a message; and dates in words.
//!
//! Whatever the configured value was, a [`Plain`] is one line, short, visible, and holds no link.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::domain::path::printable;

const MAX_CHARS: usize = 60;
const MAX_WORDS: usize = 8;

/// A configured name or telephone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plain(String);

impl Plain {
    /// Keeps what is visible, as at most eight words and sixty characters on one line.
    pub fn new(text: &str) -> Self {
        let visible: String = text.chars().take(4 * MAX_CHARS).map(|c| if is_visible(c) { c } else { ' ' }).collect();
        let unlinked = visible.replace("://", " ").replace("www.", " ");
        let words: Vec<&str> = unlinked.split_whitespace().take(MAX_WORDS).collect();
        let short: String = words.join(" ").chars().take(MAX_CHARS).collect();
        Self(short.trim_end().to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

fn is_visible(c: char) -> bool {
    let mut buffer = [0; 4];
    let text = c.encode_utf8(&mut buffer);
    printable(text.as_bytes()) == *text
}

/// Who backs up the e-mail when this program does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Elsewhere {
    /// The firm or product.
    pub by: Plain,
    /// When somebody last saw for themselves that it does.
    pub checked: Date,
}

/// The configured fields of every message.
#[derive(Debug, Clone)]
pub struct People {
    /// The council's name.
    pub council: Plain,
    /// The IT provider's name.
    pub provider: Plain,
    /// The IT provider's telephone number.
    pub phone: Plain,
    /// Whether a set named `email` is configured.
    pub email_set: bool,
    /// Who backs up the e-mail otherwise.
    pub elsewhere: Option<Elsewhere>,
    /// The council's time zone, for dates in words.
    pub zone: TimeZone,
    /// Whether any way of telling leads to the clerk.
    pub clerk_is_told: bool,
}

impl People {
    /// What is not covered, said every time; nothing when a set named `email` is.
    pub fn coverage(&self) -> Option<String> {
        match (&self.elsewhere, self.email_set) {
            (_, true) => None,
            (Some(e), false) => Some(format!("E-mail: backed up by {}, checked {}.", e.by, date(e.checked))),
            (None, false) => Some(String::from("E-mail: not backed up by Strongroom.")),
        }
    }

    /// What the provider must know of the clerk, who was `told` (or asked).
    pub fn and_the_clerk(&self, told: &str) -> String {
        match self.clerk_is_told {
            true => format!("The clerk was {told} at the same moment, with the same reference."),
            false => format!("The clerk was NOT {told}: no way of telling leads there. Ring them."),
        }
    }

    /// `Sunday 22 November 2026 at 02:30`.
    pub fn moment(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%A %-d %B %Y at %H:%M").to_string()
    }

    /// `Sunday 22 November 2026`.
    pub fn day(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%A %-d %B %Y").to_string()
    }
}

/// `22 November 2026`.
pub fn date(day: Date) -> String {
    day.strftime("%-d %B %Y").to_string()
}

/// `1,234,567`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 file`, `2 files`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// `3.4 GB`, in powers of a thousand.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return counted(bytes, "byte", "bytes");
    }
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    format!("{}.{} {}", number(tenths / 10), tenths % 10, UNITS[unit])
}

/// A length of time as a person says it.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..=1 => "a second".into(),
        2..=119 => format!("{seconds} seconds"),
        120..=7199 => counted((seconds + 30) / 60, "minute", "minutes"),
        _ => counted((seconds + 1800) / 3600, "hour", "hours"),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [head @ .., last] => {
            let head: Vec<&str> = head.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", head.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_values_become_one_short_visible_line() {
        let hostile = format!("Any\r\nBcc: all@x.example\u{202e}\0 http://x {}", "y ".repeat(10_000));
        let plain = Plain::new(&hostile);
        assert_eq!(plain.as_str(), "Any Bcc: all@x.example http x y y y");
        assert_eq!(Plain::new(&"z".repeat(10_000)).as_str().len(), 60);
        assert_eq!(Plain::new("Llanfair & Môn Town Council").as_str(), "Llanfair & Môn Town Council");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(0), "0");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1000), "1.0 kB");
        assert_eq!(size(5_640_000_000), "5.6 GB");
        assert_eq!(size(u64::MAX), "18,446.7 PB");
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
    }
}
