//! Taking a folder out of its class: one pattern less in the scheme's text.
//!
//! Comments, order and all else stay as they were typed. What comes out has been read back and means the old scheme
//! without that pattern; where the text is too unusual for that, the person is told what to take out.

use std::ops::Range;

use toml::Spanned;

use super::{RawClass, bare, read};
use crate::config::error::{ConfigError, Text};
use crate::domain::path::printable;

/// Why a folder cannot be taken out of a class. The text is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnassignError {
    /// The scheme's text is wrong in itself.
    #[error(transparent)]
    Scheme(#[from] ConfigError),
    /// There is no such class.
    #[error("the scheme has no class `{class}`. `strongroom retention classes` lists them")]
    NoClass {
        /// As asked for.
        class: String,
    },
    /// No pattern names exactly this folder.
    #[error("{}", not_assigned(folder, class.as_deref()))]
    NotAssigned {
        /// The folder.
        folder: String,
        /// The class it was to be taken out of, where one was named.
        class: Option<String>,
    },
    /// Several classes have it.
    #[error("{folder} is assigned to the classes {}. Name the one it is to be taken out of", classes.join(", "))]
    Several {
        /// The folder.
        folder: String,
        /// Who has it.
        classes: Vec<String>,
    },
    /// The text is written in a way that is not edited here.
    #[error(
        "the class `{class}` is written in an unusual way and is not edited here. Take the pattern \"{pattern}\" out of it"
    )]
    ByHand {
        /// The class.
        class: String,
        /// What is to go.
        pattern: String,
    },
}

fn not_assigned(folder: &str, class: Option<&str>) -> String {
    match class {
        Some(class) => {
            format!("{folder} is not assigned to the class `{class}`: it has no pattern for exactly that folder")
        }
        None => format!("{folder} is not assigned to a class: no pattern is for exactly that folder"),
    }
}

/// What was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unassigned {
    /// The scheme's text without it.
    pub text: String,
    /// The class that had it.
    pub class: String,
    /// As the class wrote it; several where it had the folder in more than one spelling.
    pub patterns: Vec<String>,
}

/// The scheme's text without the patterns that are for exactly this folder, or that are exactly this pattern.
///
/// # Errors
/// [`UnassignError`]
pub fn unassign(scheme_text: &str, folder: &str, class: Option<&str>) -> Result<Unassigned, UnassignError> {
    let (scheme, _) = read(Text { file: "the scheme", text: scheme_text })?;
    if let Some(class) = class.filter(|id| scheme.class(id).is_none()) {
        return Err(UnassignError::NoClass { class: class.to_owned() });
    }
    let wanted = bare(folder);
    let has = |patterns: &[String]| patterns.iter().any(|p| bare(p) == wanted);
    let asked = |id: &str| class.is_none_or(|class| class == id);
    let holders: Vec<&str> =
        scheme.classes.iter().filter(|c| asked(&c.id) && has(&c.patterns)).map(|c| c.id.as_str()).collect();
    let folder = printable(folder.as_bytes());
    let id = match &holders[..] {
        [one] => (*one).to_owned(),
        [] => return Err(UnassignError::NotAssigned { folder, class: class.map(str::to_owned) }),
        all => return Err(UnassignError::Several { folder, classes: all.iter().map(|id| (*id).to_owned()).collect() }),
    };
    let mut taken = Unassigned { text: scheme_text.to_owned(), class: id, patterns: vec![] };
    while let Some((text, pattern)) = without_one(&taken.text, &taken.class, &wanted)? {
        taken.text = text;
        taken.patterns.push(pattern);
    }
    Ok(taken)
}

/// The text without the first pattern of the class that means this, and that pattern.
fn without_one(text: &str, id: &str, wanted: &str) -> Result<Option<(String, String)>, UnassignError> {
    let (scheme, raw) = read(Text { file: "the scheme", text })?;
    let place = scheme.classes.iter().enumerate().find_map(|(class, c)| {
        let at = c.patterns.iter().position(|p| c.id == id && bare(p) == wanted)?;
        Some((class, at))
    });
    let Some((class, at)) = place else { return Ok(None) };
    let mut rest = scheme;
    let pattern = rest.classes[class].patterns.remove(at);
    let edited = raw.class.get(class).and_then(|typed| without(text, typed.get_ref(), at));
    let right = |text: &String| read(Text { file: "the scheme", text }).is_ok_and(|(scheme, _)| scheme == rest);
    let by_hand = || UnassignError::ByHand { class: id.to_owned(), pattern: pattern.clone() };
    Ok(Some((edited.filter(right).ok_or_else(by_hand)?, pattern)))
}

fn without(text: &str, class: &RawClass, at: usize) -> Option<String> {
    let list = class.patterns.as_ref()?;
    let items: Vec<Range<usize>> = list.get_ref().iter().map(Spanned::span).collect();
    let item = items.get(at)?.clone();
    let end = items.get(at + 1).map_or(list.span().end.checked_sub(1)?, |next| next.start);
    let comma = comma_in(text.get(item.end..end)?).map(|at| item.end + at);
    let mut cut = vec![item.clone()];
    cut.extend(comma.map(|at| at..at + 1));
    if let Some(before) = at.checked_sub(1).and_then(|at| items.get(at)).filter(|_| at + 1 == items.len()) {
        // The last one of its line takes what parts it from the one before along, the comma too if it has none itself.
        let between = text.get(before.end..item.start)?;
        if !between.contains('\n') {
            let kept = if comma.is_some() { comma_in(between)? + 1 } else { 0 };
            cut.insert(0, before.end + kept..item.start);
        }
    }
    let last = cut.last()?.end;
    let blanks = text.get(last..)?.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count();
    cut.push(last..last + blanks);
    let mut out = text.to_owned();
    for range in cut.into_iter().rev() {
        out.replace_range(range, "");
    }
    Some(without_empty_line(&out, item.start.min(out.len()), text))
}

/// The line at this place, when nothing is left on it that was not there before.
fn without_empty_line(out: &str, at: usize, before: &str) -> String {
    let start = out.get(..at).and_then(|s| s.rfind('\n')).map_or(0, |n| n + 1);
    let end = out.get(start..).and_then(|s| s.find('\n')).map_or(out.len(), |n| start + n + 1);
    let had_lines = before.lines().count() > 1;
    if had_lines && out.get(start..end).is_some_and(|line| line.trim().is_empty()) {
        return format!("{}{}", &out[..start], &out[end..]);
    }
    out.to_owned()
}

/// Where the comma stands, outside comments.
fn comma_in(between: &str) -> Option<usize> {
    let mut comment = false;
    between.bytes().position(|b| {
        comment = match b {
            b'#' => true,
            b'\n' => false,
            _ => comment,
        };
        b == b',' && !comment
    })
}
