//! Giving a folder to a class: one pattern more in the scheme's text.
//!
//! Comments, order and all else stay as they were typed. What comes out has been read back and means the old
//! scheme with that one pattern; where the text is too unusual for that, the person is told what to add.

use std::ops::Range;

use toml::Spanned;

use super::{RawClass, bare, read};
use crate::config::error::{ConfigError, Text};
use crate::config::raw::Words;
use crate::domain::path::{RecordPath, printable};
use crate::domain::retention::scheme::{Class, Scheme};

/// Why a folder cannot be given to a class. The text is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignError {
    /// The scheme's text is wrong in itself.
    #[error(transparent)]
    Scheme(#[from] ConfigError),
    /// There is no such class.
    #[error("the scheme has no class `{class}`. `strongroom retention classes` lists them")]
    NoClass {
        /// As asked for.
        class: String,
    },
    /// Another class has the folder.
    #[error(
        "{folder} is assigned to the class `{class}` already, by its pattern \"{pattern}\". Take that pattern out first"
    )]
    Elsewhere {
        /// The folder.
        folder: String,
        /// Who has it.
        class: String,
        /// By which pattern.
        pattern: String,
    },
    /// The folder's name cannot be written as a pattern.
    #[error(
        "{folder} has {what} in its name, so a pattern cannot name it alone. Rename the folder, or write a pattern for \
         the folder above it"
    )]
    Name {
        /// The folder.
        folder: String,
        /// What is in the way.
        what: &'static str,
    },
    /// The text is written in a way that is not edited here.
    #[error(
        "the class `{class}` is written in an unusual way and is not edited here. Add the pattern \"{pattern}\" to it"
    )]
    ByHand {
        /// The class.
        class: String,
        /// What it lacks.
        pattern: String,
    },
}

/// The scheme's text with `FOLDER/**` added (`*` for a folder of any name) to the patterns of `class`; as it was when they hold it already.
///
/// # Errors
/// [`AssignError`]
pub fn assign(scheme_text: &str, folder: &RecordPath, class: &str) -> Result<String, AssignError> {
    let (scheme, raw) = read(Text { file: "the scheme", text: scheme_text })?;
    let pattern = pattern_of(folder)?;
    let at = scheme.classes.iter().position(|c| c.id == class);
    let at = at.ok_or_else(|| AssignError::NoClass { class: class.to_owned() })?;
    if let Some((holder, found)) = holder(&scheme, &pattern) {
        if holder.id == class {
            return Ok(scheme_text.to_owned());
        }
        let (folder, class, pattern) = (printable(folder.as_bytes()), holder.id.clone(), found.to_owned());
        return Err(AssignError::Elsewhere { folder, class, pattern });
    }
    let mut wanted = scheme;
    wanted.classes[at].patterns.push(pattern.clone());
    let edited = raw.class.get(at).and_then(|typed| edit(scheme_text, typed.get_ref(), &pattern));
    let right = |text: &String| read(Text { file: "the scheme", text }).is_ok_and(|(scheme, _)| scheme == wanted);
    edited.filter(right).ok_or_else(|| AssignError::ByHand { class: class.to_owned(), pattern })
}

fn pattern_of(folder: &RecordPath) -> Result<String, AssignError> {
    let name = |what| AssignError::Name { folder: printable(folder.as_bytes()), what };
    let text = folder.as_text().ok_or_else(|| name("bytes that are no text"))?;
    // A whole `*` stands for one folder of any name, such as one for each year.
    if text.split('/').enumerate().any(|(at, part)| (at == 0 || part != "*") && part.contains(['*', '?', '\\'])) {
        return Err(name("a *, a ? or a \\"));
    }
    Ok(format!("{text}/**"))
}

/// Who has exactly this folder, however it is spelt.
fn holder<'s>(scheme: &'s Scheme, pattern: &str) -> Option<(&'s Class, &'s str)> {
    let wanted = bare(pattern);
    scheme
        .classes
        .iter()
        .flat_map(|class| class.patterns.iter().map(move |p| (class, p.as_str())))
        .find(|(_, found)| bare(found) == wanted)
}

fn edit(text: &str, class: &RawClass, pattern: &str) -> Option<String> {
    let quoted = quoted(pattern);
    match &class.patterns {
        Some(list) => in_list(text, list, &quoted),
        None => after_line(text, class.id.as_ref()?.span(), &quoted),
    }
}

/// A line of its own below the one with the id.
fn after_line(text: &str, id: Range<usize>, quoted: &str) -> Option<String> {
    let start = text.get(..id.start)?.rfind('\n').map_or(0, |at| at + 1);
    let indent = indent_of(text.get(start..)?);
    let end = text.get(id.end..)?.find('\n').map_or(text.len(), |at| id.end + at);
    let (line, break_) = match text.get(..end)?.strip_suffix('\r') {
        Some(before) => (before, "\r\n"),
        None => (text.get(..end)?, "\n"),
    };
    Some(format!("{line}{break_}{indent}patterns = [{quoted}]{}", text.get(line.len()..)?))
}

fn in_list(text: &str, list: &Spanned<Words>, quoted: &str) -> Option<String> {
    let span = list.span();
    let inside = text.get(span.clone())?.strip_prefix('[')?.strip_suffix(']')?;
    let Some(last) = list.get_ref().last().map(Spanned::span) else {
        return Some(insert(text, span.start + 1, quoted));
    };
    let rest = text.get(last.end..span.start + 1 + inside.len())?;
    let Some(line_end) = rest.find('\n').map(|at| last.end + at + 1) else {
        return Some(insert(text, last.end, &format!(", {quoted}")));
    };
    let break_ = if text.get(..line_end)?.ends_with("\r\n") { "\r\n" } else { "\n" };
    let start = text.get(..last.start)?.rfind('\n').map_or(0, |at| at + 1);
    let own_line = start > span.start;
    let indent = format!("{}{}", indent_of(text.get(start..)?), if own_line { "" } else { "    " });
    let with_line = insert(text, line_end, &format!("{indent}{quoted},{break_}"));
    Some(if has_comma(rest) { with_line } else { insert(&with_line, last.end, ",") })
}

/// Whether a comma stands here outside comments.
fn has_comma(between: &str) -> bool {
    between.lines().any(|line| line.split('#').next().is_some_and(|code| code.contains(',')))
}

fn indent_of(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn insert(text: &str, at: usize, what: &str) -> String {
    format!("{}{what}{}", &text[..at], &text[at..])
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
