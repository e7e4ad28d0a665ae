//! Errors of the configuration: which file, which line, a caret, and what to do.
//!
//! Invariant: nothing that may be a secret is ever shown. Where a line could hold one, the line stays away.

use std::fmt;
use std::ops::Range;

use crate::domain::path::printable;
use crate::domain::problem::Exit;

/// Why there is no configuration to work with. Nothing has been touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// None of the usual places holds a file.
    #[error(
        "no configuration was found. Looked for:\n{}\nWrite one: {write}",
        .places.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n")
    )]
    NotFound {
        /// Where we looked, in order.
        places: Vec<String>,
        /// The command that writes one.
        write: &'static str,
    },
    /// The file is there or was named, and could not be read.
    #[error("{what} {file} cannot be read: {why}. Check the path and who may read it")]
    Unreadable {
        /// What it is: `the configuration`, or a file that the configuration names.
        what: &'static str,
        /// Its path.
        file: String,
        /// What the system said.
        why: String,
    },
    /// Something in the file is wrong.
    #[error("{0}")]
    Fault(Box<Fault>),
}

impl ConfigError {
    /// The exit code of the program.
    pub fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// One thing that is wrong in the file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file's name as it was given.
    pub file: String,
    /// Counted from 1; `None` when the fault is that something is absent.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do, where that is known.
    pub help: Option<String>,
    snippet: Option<Snippet>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Snippet {
    shown: String,
    column: usize,
    width: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)?;
        if let (Some(line), Some(s)) = (self.line, &self.snippet) {
            let number = line.to_string();
            let gap = " ".repeat(number.len());
            let (before, carets) = (" ".repeat(s.column), "^".repeat(s.width));
            write!(f, "\n{gap} |\n{number} | {}\n{gap} | {before}{carets}", s.shown)?;
        }
        match &self.help {
            Some(help) => write!(f, "\n{help}"),
            None => Ok(()),
        }
    }
}

/// How much of the faulty line may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// All of it, unless a key on it looks like a secret's or an address on it may hold a password.
    Line,
    /// What the span covers, which is a key, and what leads up to it if that holds no value.
    Key,
    /// The key before the span, which is a value and may be a secret.
    Lead,
    /// Nothing: it may hold a secret.
    Nothing,
}

/// The text of the file: turns places in it into errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Text<'_> {
    /// An error at `span`, with its line.
    pub fn fault(&self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> ConfigError {
        self.fault_showing(Show::Line, span, message, help)
    }

    /// An error at `span` that shows no more than `show` allows.
    pub fn fault_showing(
        &self,
        show: Show,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> ConfigError {
        let (line, snippet) = (self.line(span.start), self.snippet(show, span));
        self.build(Some(line), message.into(), help.into(), snippet)
    }

    /// Something is not there at all.
    pub fn absent(&self, message: impl Into<String>, help: impl Into<String>) -> ConfigError {
        self.build(None, message.into(), help.into(), None)
    }

    fn build(&self, line: Option<usize>, message: String, help: String, snippet: Option<Snippet>) -> ConfigError {
        let help = Some(help).filter(|h| !h.is_empty());
        ConfigError::Fault(Box::new(Fault { file: self.file.to_owned(), line, message, help, snippet }))
    }

    /// The number of the line that holds the byte `at`, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
    }

    /// The line that holds the byte `at`, and where it begins.
    pub fn line_text(&self, at: usize) -> (&str, usize) {
        let at = (0..=at.min(self.text.len())).rev().find(|i| self.text.is_char_boundary(*i)).unwrap_or(0);
        let start = self.text[..at].rfind('\n').map_or(0, |i| i + 1);
        let end = self.text[at..].find('\n').map_or(self.text.len(), |i| at + i);
        (self.text[start..end].trim_end_matches('\r'), start)
    }

    fn snippet(&self, show: Show, span: Range<usize>) -> Option<Snippet> {
        let (line, start) = self.line_text(span.start);
        let from = span.start.saturating_sub(start).min(line.len());
        let to = span.end.saturating_sub(start).clamp(from, line.len());
        let (before, marked, after) = (line.get(..from)?, line.get(from..to)?, line.get(to..)?);
        let (before, after) = match show {
            Show::Nothing => return None,
            Show::Lead if before.contains(['"', '\'']) || before.matches('=').count() != 1 => return None,
            Show::Lead => (before.to_owned(), String::new()),
            Show::Line if looks_secret(line) || (line.contains("://") && line.contains('@')) => return None,
            Show::Line => (before.to_owned(), after.to_owned()),
            Show::Key => (
                if before.contains(['=', '"', '\'']) { "… ".to_owned() } else { before.to_owned() },
                if line.trim_start().starts_with('[') { after.to_owned() } else { " = …".to_owned() },
            ),
        };
        let marked = if show == Show::Lead { "…" } else { marked };
        let clean = |s: &str| printable(s.replace('\t', " ").as_bytes());
        let (before, marked, after) = (clean(&before), clean(marked), clean(&after));
        let shown = format!("{before}{marked}{after}").trim_end().to_owned();
        let (column, width) = (before.chars().count(), marked.chars().count().max(1));
        Some(Snippet { shown, column, width })
    }
}

/// The ways to say where a secret lies; a key that ends so never holds the secret itself.
pub(super) const SOURCES: [&str; 4] = ["_file", "_env", "_credential", "_command"];

/// Whether this key names a secret, even misspelt, and not a place where one is kept.
pub(super) fn secret_key(key: &str) -> bool {
    const PARTS: [&str; 11] =
        ["service_account", "pas", "pw", "word", "wd", "secr", "token", "key", "cred", "auth", "sas"];
    /// A scheme's key: the law that a class rests on.
    const NO_SECRET: &str = "authority";
    let key = key.to_lowercase().replace('-', "_");
    key != NO_SECRET && PARTS.iter().any(|p| key.contains(p)) && !SOURCES.iter().any(|s| key.ends_with(s))
}

/// Whether a key on this line, read without regard for syntax, may be followed by a secret.
pub(super) fn looks_secret(line: &str) -> bool {
    line.match_indices('=').any(|(at, _)| {
        let before = line[..at].trim_end().trim_end_matches(['"', '\'']);
        let key = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).next();
        key.is_some_and(secret_key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_hold_secrets_are_known_even_misspelt() {
        for line in
            ["password = 'x'", "  passwrod=\"x", "a = 1, \"secret-access-key\" = 'x'", "# api_key = x", "pwd =1"]
        {
            assert!(looks_secret(line), "{line}");
        }
        for line in ["password_file = '/x'", "keep_weekly = 8", "host = 'x'", "session_token_env = 'T'", "password"] {
            assert!(!looks_secret(line), "{line}");
        }
    }

    #[test]
    fn the_caret_stands_under_the_characters_not_the_bytes() {
        let text = Text { file: "c.toml", text: "a = 1\n\té = \"x\x1b\"\n" };
        let at = text.text.find('"').unwrap();
        let shown = text.fault(at..at + 4, "bad", "do").to_string();
        assert_eq!(shown, "c.toml, line 2: bad\n  |\n2 |  é = \"x\\u{1b}\"\n  |      ^^^^^^^^^\ndo");
    }

    #[test]
    fn a_place_beyond_the_end_does_no_harm() {
        let text = Text { file: "c", text: "é" };
        assert!(text.fault(1..9, "bad", "").to_string().starts_with("c, line 1: bad"));
        assert!(text.fault(7..9, "bad", "").to_string().starts_with("c, line 1: bad"));
    }
}
