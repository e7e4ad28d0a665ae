//! Dates for people, folded names, and patterns made ready to be tried on very many records.

use std::fmt;

use jiff::civil::Date;
use memchr::memmem;

use crate::domain::path::RecordPath;
use crate::domain::pattern::Pattern;
pub(super) use crate::domain::pattern::folded;

/// A date as people write it: `31 March 2031`.
pub struct Said(pub Date);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        let month = MONTHS.get(usize::from(self.0.month().unsigned_abs()).saturating_sub(1)).unwrap_or(&"?");
        write!(f, "{} {month} {}", self.0.day(), self.0.year())
    }
}

/// A person's pattern: the same answers as [`Pattern::matches_within`], quick to say no.
#[derive(Debug, Clone)]
pub(super) struct Finder {
    pattern: Pattern,
    /// The longest literal part: a path without it cannot fit.
    needed: memmem::Finder<'static>,
}

impl Finder {
    pub(super) fn new(typed: &str) -> Self {
        let text = folded(typed.trim_end_matches('/').as_bytes());
        let needed = text.split(['*', '?']).max_by_key(|part| part.len()).unwrap_or_default();
        let needed = memmem::Finder::new(needed).into_owned();
        Self { pattern: Pattern::new(typed), needed }
    }

    /// Whether the record or a folder it lies in fits. `text` is the folded path.
    pub(super) fn fits(&self, path: &RecordPath, text: &str) -> bool {
        self.needed.find(text.as_bytes()).is_some() && self.pattern.matches_within(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_answer_is_the_slow_answer() {
        let names: [&[u8]; 8] = [
            b"Documents/Minutes/2026/May.docx",
            "Documents/CAFÉ/İstanbul.pdf".as_bytes(),
            b"a/\xff\xfe/b",
            b"x",
            b"Finance/2019-20/inv 7.pdf",
            "ΣΑΣ/ς".as_bytes(),
            b"a\xc3/\xa9b",
            "Cafe\u{301}/E\u{301}te\u{301}.pdf".as_bytes(),
        ];
        let typed = [
            "",
            "may",
            "MAY*",
            "é",
            "e\u{301}",
            "cafe\u{301}*",
            "caf?",
            "**",
            "*/*",
            "2019-20/",
            "finance/*/inv*",
            "İ",
            "ς",
            "σ",
            "\u{fffd}",
            "doc*/m*",
        ];
        for name in names {
            let path = RecordPath::new(name).unwrap();
            for t in typed {
                let quick = Finder::new(t).fits(&path, &folded(name));
                assert_eq!(quick, Pattern::new(t).matches_within(&path), "{t} on {path}");
            }
        }
    }
}
