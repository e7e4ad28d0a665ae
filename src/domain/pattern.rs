//! What a person types to find a record: a part of its name, or a pattern with `*` and `?`, in any case.
//!
//! `*` stands for anything within one name, `**` also for `/`, `?` for one character. Text without them fits
//! anywhere in the name; with a `/` in it, the whole path is looked at. Bytes that are not UTF-8 are fitted by
//! `?` and `*` only. How a letter is composed makes no difference: some computers store `é` as one character,
//! others as `e` and an accent, and nobody can see which.

use unicode_normalization::UnicodeNormalization;

use crate::domain::path::RecordPath;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Vec<char>,
    wild: bool,
    by_path: bool,
}

/// A name as it is compared: lower case, letters and their accents composed (NFC); what is no UTF-8 becomes U+FFFD.
pub fn folded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.to_ascii_lowercase(),
        Ok(text) => folded_text(text),
        Err(_) => folded_text(&String::from_utf8_lossy(bytes)),
    }
}

/// Composed first, so that equal letters have equal lower cases; and afterwards, since a lower case may be composable.
fn folded_text(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).nfc().collect()
}

fn letters(bytes: &[u8]) -> Vec<char> {
    folded(bytes).chars().collect()
}

impl Pattern {
    /// Takes what was typed. A `/` at its end, as shells write behind folders, is ignored.
    pub fn new(typed: &str) -> Self {
        let typed = typed.trim_end_matches('/');
        Self { text: letters(typed.as_bytes()), wild: typed.contains(['*', '?']), by_path: typed.contains('/') }
    }

    /// Whether it holds `*` or `?`.
    pub fn is_wild(&self) -> bool {
        self.wild
    }

    /// Whether the record's name (or path) fits.
    pub fn matches(&self, path: &RecordPath) -> bool {
        self.fits(if self.by_path { path.as_bytes() } else { path.name() })
    }

    /// Whether the record or a folder it lies in fits.
    pub fn matches_within(&self, path: &RecordPath) -> bool {
        if !self.by_path {
            return path.components().any(|name| self.fits(name));
        }
        let bytes = path.as_bytes();
        let ends = bytes.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(at, _)| at);
        ends.chain([bytes.len()]).any(|end| self.fits(&bytes[..end]))
    }

    /// Whether it is exactly the record's name, or the last components of its path, but for case.
    pub fn is_name_of(&self, path: &RecordPath) -> bool {
        let whole = letters(path.as_bytes());
        let Some(at) = whole.len().checked_sub(self.text.len()) else { return false };
        !self.text.is_empty() && whole[at..] == self.text && (at == 0 || whole[at - 1] == '/')
    }

    fn fits(&self, bytes: &[u8]) -> bool {
        let name = letters(bytes);
        if self.wild {
            return glob(&self.text, &name);
        }
        self.text.is_empty() || name.windows(self.text.len()).any(|w| w == self.text)
    }
}

/// Where in the pattern and in the name to go on after going back.
type Back = (usize, usize);

/// Goes back to the last star, and where that may not cross a `/`, to the last double star.
fn glob(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<Back> = None;
    let mut deep: Option<Back> = None;
    loop {
        match (pattern.get(p), name.get(n)) {
            (Some('*'), _) if pattern.get(p + 1) == Some(&'*') => {
                p += 2;
                (star, deep) = (None, Some((p, n)));
                continue;
            }
            (Some('*'), _) => {
                p += 1;
                star = Some((p, n));
                continue;
            }
            (None, None) => return true,
            (Some(c), Some(d)) if c == d || (*c == '?' && *d != '/') => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            _ => {}
        }
        // A star that cannot go on stands before a `/` or at the end, and never can again.
        let within = star.filter(|(_, at)| name.get(*at).is_some_and(|c| *c != '/'));
        let across = deep.filter(|(_, at)| *at < name.len());
        let slot = if within.is_some() { &mut star } else { &mut deep };
        let Some((after, at)) = within.or(across) else { return false };
        *slot = Some((after, at + 1));
        (p, n) = (after, at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RecordPath {
        RecordPath::new(text).unwrap()
    }

    #[test]
    fn parts_of_names_and_wild_names_fit_in_any_case() {
        let may = path("Documents/Minutes/2026/May É.docx");
        for fits in ["may", "É.DOCX", "é", "*.docx", "may*", "m?y*", "minutes/2026", "**/may*", "Doc*/*/*/*y*", ""] {
            assert!(Pattern::new(fits).matches(&may), "{fits}");
        }
        for other in ["june", "*.doc", "?ay", "documents", "Doc*/*.docx", "minutes/2027", "may"] {
            let fits = Pattern::new(other).matches(&may);
            assert_eq!(fits, other == "may", "{other}");
        }
        assert!(Pattern::new("minut*").matches_within(&may) && Pattern::new("Documents/*").matches_within(&may));
        assert!(!Pattern::new("min").matches_within(&path("a/b")));
        assert!(!Pattern::new("Documents/M?").matches_within(&may), "no part of a folder's name is a folder");
        let wild = ["may", "m?y", "ma*"].map(|typed| Pattern::new(typed).is_wild());
        assert_eq!(wild, [false, true, true]);
    }

    #[test]
    fn the_double_star_is_gone_back_to() {
        let deep = path("x/ab/ac.txt");
        assert!(Pattern::new("**/a*.txt").matches(&deep));
        assert!(!Pattern::new("*/a*.txt").matches(&deep));
        assert!(Pattern::new("x/**").matches(&deep) && !Pattern::new("y/**").matches(&deep));
    }

    /// `é` as one character, and as `e` with an accent; the second is what a Mac stores.
    #[test]
    fn composed_and_decomposed_letters_are_the_same() {
        let (one, two) = (
            "Documents/Caf\u{e9}/\u{c9}t\u{e9} M\u{f4}n.docx",
            "Documents/Cafe\u{301}/E\u{301}te\u{301} Mo\u{302}n.docx",
        );
        for stored in [one, two] {
            let stored = path(stored);
            for typed in
                ["\u{e9}t\u{e9}", "e\u{301}te\u{301}", "?t?*", "**/CAF\u{c9}/*m\u{f4}n*", "**/CAFE\u{301}/*mo\u{302}n*"]
            {
                assert!(Pattern::new(typed).matches(&stored), "{typed} on {stored}");
            }
            for folder in ["caf\u{e9}", "cafe\u{301}", "documents/caf?", "Documents/Cafe\u{301}/"] {
                assert!(Pattern::new(folder).matches_within(&stored), "{folder} on {stored}");
            }
            assert!(Pattern::new(one).is_name_of(&stored) && Pattern::new(two).is_name_of(&stored));
            assert!(!Pattern::new("caf\u{e8}").matches_within(&stored));
        }
        // Accents in two orders, and a letter that has two characters of its own (the angstrom sign).
        assert!(Pattern::new("a\u{323}\u{302}").matches(&path("A\u{302}\u{323}.txt")));
        assert!(Pattern::new("\u{e5}").matches(&path("\u{212b}.txt")));
    }

    #[test]
    fn a_name_is_recognised_whole() {
        let may = path("Documents/Minutes/May.docx");
        for (typed, whole) in
            [("may.docx", true), ("minutes/may.docx", true), ("ay.docx", false), ("jun.docx", false), ("May", false)]
        {
            assert_eq!(Pattern::new(typed).is_name_of(&may), whole, "{typed}");
        }
    }

    /// What a pattern means, as slowly as it may be worked out.
    fn means(pattern: &[char], name: &[char]) -> bool {
        let any = |rest: &[char], within: bool| {
            let mut ends = (0..=name.len()).take_while(|end| !within || !name[..*end].contains(&'/'));
            ends.any(|end| means(rest, &name[end..]))
        };
        match pattern {
            [] => name.is_empty(),
            ['*', '*', rest @ ..] => any(rest, false),
            ['*', rest @ ..] => any(rest, true),
            [c, rest @ ..] => {
                name.first().is_some_and(|d| c == d || (*c == '?' && *d != '/')) && means(rest, &name[1..])
            }
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(4_000))]
        #[test]
        fn going_back_finds_what_trying_everything_finds(pattern in "[ab/?*]{0,9}", name in "[ab/]{0,9}") {
            let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
            proptest::prop_assert_eq!(glob(&pattern, &name), means(&pattern, &name));
        }
    }

    #[test]
    fn many_stars_take_little_time() {
        let name = path(&"a".repeat(4000));
        assert!(!Pattern::new(&format!("{}b", "*a".repeat(60))).matches(&name));
    }
}
