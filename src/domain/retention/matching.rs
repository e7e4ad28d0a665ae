//! Which class a record belongs to. The most specific pattern wins; equals of two classes are a tie, and decide nothing.
//!
//! A pattern fits the whole path, in any case: `*` within one name, `**` across folders, `?` for one character, and
//! `/**/` also for a single `/`. Without any of them it fits that record and all that lies in it.

use std::collections::HashMap;

use memchr::memmem;

use super::scheme::Scheme;
use super::words::folded;
use crate::domain::path::RecordPath;

/// Why a pattern can fit nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// Nothing is there.
    #[error("it is empty")]
    Empty,
    /// Records' paths begin with a folder's name.
    #[error("it begins with '/'; begin with the name of a backed-up folder, as listings show it")]
    Rooted,
    /// No path holds an empty, `.` or `..` name.
    #[error("it holds an empty, '.' or '..' name, which no record has")]
    Component,
    /// Records' paths are written with `/`.
    #[error("it holds '\\'; write '/' between folders")]
    Backslash,
    /// No name holds it.
    #[error("it holds a NUL character, which no name has")]
    Nul,
}

/// What a compiled pattern is made of; bytes are folded UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Byte(u8),
    /// One character, not `/`.
    One,
    /// Anything within a name.
    Star,
    /// Anything.
    Deep,
    /// Nothing, or whole folders with the `/` behind them.
    Folders,
}

/// How narrowly a pattern claims; greater is narrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity {
    /// Whole names before the first wildcard.
    folders: usize,
    /// Bytes before the first wildcard.
    lead: usize,
    /// Bytes that are no wildcard.
    literal: usize,
    /// Fewer `**` are narrower.
    deep: std::cmp::Reverse<usize>,
    /// Fewer `*` are narrower.
    stars: std::cmp::Reverse<usize>,
}

/// A class's pattern, compiled.
#[derive(Debug, Clone)]
pub struct ClassPattern {
    parts: Vec<Part>,
    /// The literal beginning, up to and without its last `/`: every path that fits lies in this folder, or is it.
    folder: String,
    /// The literal end: a path without it cannot fit.
    tail: String,
    /// The longest literal part behind the folder: a path without it cannot fit.
    needed: memmem::Finder<'static>,
    specificity: Specificity,
}

impl ClassPattern {
    /// Compiles what a scheme says. A `/` at its end, as shells write behind folders, is ignored.
    ///
    /// # Errors
    /// [`BadPattern`] when no record's path could fit.
    pub fn new(typed: &str) -> Result<Self, BadPattern> {
        let typed = typed.strip_suffix('/').unwrap_or(typed);
        if typed.is_empty() {
            return Err(BadPattern::Empty);
        }
        for (c, why) in [('\0', BadPattern::Nul), ('\\', BadPattern::Backslash)] {
            if typed.contains(c) {
                return Err(why);
            }
        }
        if typed.starts_with('/') {
            return Err(BadPattern::Rooted);
        }
        if typed.split('/').any(|name| ["", ".", ".."].contains(&name)) {
            return Err(BadPattern::Component);
        }
        let mut text = folded(typed.as_bytes());
        if !text.contains(['*', '?']) {
            text.push_str("/**");
            let mut whole = Self::compile(&text);
            // The folder itself too: a record of that very name.
            whole.parts.truncate(whole.folder.len());
            return Ok(whole);
        }
        Ok(Self::compile(&text))
    }

    fn compile(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut parts: Vec<Part> = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let stars = bytes[at..].iter().take_while(|b| **b == b'*').count();
            let whole_name = (at == 0 || bytes[at - 1] == b'/') && bytes.get(at + stars) == Some(&b'/');
            let (part, len) = match (stars, bytes[at]) {
                (0, b'?') => (Part::One, 1),
                (0, byte) => (Part::Byte(byte), 1),
                (1, _) => (Part::Star, 1),
                _ if whole_name => (Part::Folders, stars + 1),
                _ => (Part::Deep, stars),
            };
            parts.push(part);
            at += len;
        }
        let lead = text.find(['*', '?']).unwrap_or(text.len());
        let count = |wanted: &[Part]| parts.iter().filter(|p| wanted.contains(p)).count();
        let slashes = text[..lead].matches('/').count();
        let specificity = Specificity {
            folders: slashes,
            lead,
            literal: parts.iter().filter(|p| matches!(p, Part::Byte(_))).count(),
            deep: std::cmp::Reverse(count(&[Part::Deep, Part::Folders])),
            stars: std::cmp::Reverse(count(&[Part::Star, Part::One])),
        };
        let folder = text[..lead].rfind('/').map_or("", |end| &text[..end]).to_owned();
        let wild = |c: char| matches!(c, '*' | '?');
        let tail = text.rsplit(wild).next().unwrap_or_default();
        // `/**/` may stand for one `/`: the slash behind it is nobody's own.
        let tail = tail.strip_prefix('/').unwrap_or(tail).to_owned();
        let literal = |part: &str| part.trim_matches('/').len();
        let needed = text[lead..].split(wild).max_by_key(|part| literal(part)).unwrap_or_default();
        let needed = memmem::Finder::new(needed.trim_matches('/')).into_owned();
        Self { parts, folder, tail, needed, specificity }
    }

    /// Whether the record's path fits.
    pub fn matches(&self, path: &RecordPath) -> bool {
        self.fits(&folded(path.as_bytes()))
    }

    /// How narrowly it claims.
    pub fn specificity(&self) -> Specificity {
        self.specificity
    }

    /// Whether it has no wildcard: it fits all that lies in a folder.
    fn is_plain(&self) -> bool {
        self.parts.len() == self.folder.len()
    }

    fn fits(&self, path: &str) -> bool {
        if self.is_plain() {
            let rest = path.strip_prefix(&self.folder);
            return rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        }
        let may_fit = path.ends_with(&self.tail) && self.needed.find(path.as_bytes()).is_some();
        may_fit && glob(&self.parts, path.as_bytes())
    }
}

/// Where to go on after going back: in the pattern, and in the path.
type Back = (usize, usize);

/// Goes back to the last star, and where that may not cross a `/`, to the last double star.
fn glob(parts: &[Part], path: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<Back> = None;
    let mut deep: Option<(Back, bool)> = None;
    loop {
        match (parts.get(p), path.get(n)) {
            (Some(part @ (Part::Deep | Part::Folders)), _) => {
                p += 1;
                (star, deep) = (None, Some(((p, n), *part == Part::Folders)));
                continue;
            }
            (Some(Part::Star), _) => {
                p += 1;
                star = Some((p, n));
                continue;
            }
            (None, None) => return true,
            (Some(Part::Byte(a)), Some(b)) if a == b => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            (Some(Part::One), Some(b)) if *b != b'/' => {
                (p, n) = (p + 1, n + width(path, n));
                continue;
            }
            _ => {}
        }
        if let Some((after, at)) = star.filter(|(_, at)| path.get(*at).is_some_and(|b| *b != b'/')) {
            let at = at + width(path, at);
            star = Some((after, at));
            (p, n) = (after, at);
            continue;
        }
        let Some(((after, at), whole)) = deep else { return false };
        let next = if whole {
            path[at..].iter().position(|b| *b == b'/').map(|slash| at + slash + 1)
        } else {
            (at < path.len()).then(|| at + width(path, at))
        };
        let Some(at) = next else { return false };
        (star, deep) = (None, Some(((after, at), whole)));
        (p, n) = (after, at);
    }
}

/// The length of the character at `at`.
fn width(text: &[u8], at: usize) -> usize {
    1 + text[at + 1..].iter().take_while(|b| **b & 0xc0 == 0x80).count()
}

/// The class of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassMatch {
    /// No pattern fits.
    None,
    /// This class, by this pattern, both counted from 0.
    One {
        /// The class.
        class: usize,
        /// Its pattern.
        pattern: usize,
    },
    /// Two or more classes claim it equally: class and pattern of each, in the order of classes.
    Tie(Vec<(usize, usize)>),
}

/// A scheme's patterns, compiled once for very many records.
#[derive(Debug, Clone, Default)]
pub struct Matcher {
    /// Narrowest first.
    patterns: Vec<(usize, usize, ClassPattern)>,
    /// The patterns, by the folder that all they fit lies in.
    by_folder: HashMap<String, Vec<usize>>,
}

impl Matcher {
    /// Compiles the patterns that can fit something; [`Scheme::check`] tells of the others.
    pub fn new(scheme: &Scheme) -> Self {
        let mut patterns = vec![];
        for (c, class) in scheme.classes.iter().enumerate() {
            let compiled = class.patterns.iter().enumerate().filter_map(|(p, t)| Some((p, ClassPattern::new(t).ok()?)));
            patterns.extend(compiled.map(|(p, pattern)| (c, p, pattern)));
        }
        patterns.sort_by_key(|(c, p, pattern)| (std::cmp::Reverse(pattern.specificity), *c, *p));
        let mut by_folder: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, (_, _, pattern)) in patterns.iter().enumerate() {
            by_folder.entry(pattern.folder.clone()).or_default().push(at);
        }
        Self { patterns, by_folder }
    }

    /// The class of the record at `path`.
    pub fn classify(&self, path: &RecordPath) -> ClassMatch {
        self.classify_folded(&folded(path.as_bytes()))
    }

    pub(super) fn classify_folded(&self, path: &str) -> ClassMatch {
        let mut best: Option<Specificity> = None;
        let mut found: Vec<(usize, usize)> = vec![];
        let ends = path.bytes().enumerate().filter(|(_, b)| *b == b'/').map(|(at, _)| at);
        for end in [0].into_iter().chain(ends).chain([path.len()]) {
            for at in self.by_folder.get(&path[..end]).into_iter().flatten() {
                let (class, pattern, compiled) = &self.patterns[*at];
                if best.is_some_and(|best| compiled.specificity < best) {
                    break;
                }
                if !compiled.fits(path) {
                    continue;
                }
                if best != Some(compiled.specificity) {
                    best = Some(compiled.specificity);
                    found.clear();
                }
                if found.iter().all(|(other, _)| other != class) {
                    found.push((*class, *pattern));
                }
            }
        }
        match found[..] {
            [] => ClassMatch::None,
            [(class, pattern)] => ClassMatch::One { class, pattern },
            _ => ClassMatch::Tie(found),
        }
    }

    /// All classes that claim the record, narrowest first; each once.
    pub fn claims(&self, path: &RecordPath) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = vec![];
        self.each_claim(path, |class, pattern| {
            if found.iter().all(|(other, _)| *other != class) {
                found.push((class, pattern));
            }
        });
        found
    }

    /// Calls `f` with the class and number of every pattern that fits, narrowest first.
    pub fn each_claim(&self, path: &RecordPath, mut f: impl FnMut(usize, usize)) {
        let text = folded(path.as_bytes());
        for (class, pattern, compiled) in &self.patterns {
            if text.starts_with(&compiled.folder) && compiled.fits(&text) {
                f(*class, *pattern);
            }
        }
    }
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
