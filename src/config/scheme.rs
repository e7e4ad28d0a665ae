//! A retention scheme's file: from TOML to [`Scheme`], with every mistake at its line.
//!
//! What comes out of here can be put in force: [`Scheme::check`] finds nothing wrong with it.

mod assign;
mod unassign;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;

pub use assign::{AssignError, assign};
pub use unassign::{UnassignError, Unassigned, unassign};

use super::check::{one_line, required};
use super::error::{ConfigError, Text};
use super::raw::{Opt, Words};
use super::{Environment, text_of, typed};
use crate::domain::retention::scheme::{Action, Approver, Class, Scheme, SchemeFault, SchemeHead, Strength};

/// The scheme that is shipped: a draft to adopt, whose classes match nothing.
pub const DRAFT: &str = include_str!("../../config/retention/england-and-wales.toml");

/// What a pattern is for, however it is spelt: `Minutes`, `minutes/` and `Minutes/**` are one folder.
fn bare(pattern: &str) -> String {
    pattern.trim_end_matches("/**").trim_matches('/').to_lowercase()
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table")]
struct RawScheme {
    scheme: Opt<RawHead>,
    class: Vec<Spanned<RawClass>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawHead {
    title: Opt<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct RawClass {
    id: Opt<String>,
    title: Opt<String>,
    patterns: Opt<Words>,
    minimum: Opt<String>,
    trigger: Opt<String>,
    ceiling: Opt<String>,
    authority: Opt<String>,
    strength: Opt<String>,
    action: Opt<String>,
    approver: Opt<String>,
    notes: Opt<String>,
}

/// Reads and checks a scheme's file.
///
/// # Errors
/// It cannot be read, or something in it is wrong.
pub fn read_scheme(path: &Path, env: &dyn Environment) -> Result<Scheme, ConfigError> {
    let file = path.display().to_string();
    parse_scheme(&text_of("the retention scheme", path, env)?, &file)
}

/// Checks a scheme's text; `name` stands in the errors.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse_scheme(text: &str, name: &str) -> Result<Scheme, ConfigError> {
    read(Text { file: name, text }).map(|(scheme, _)| scheme)
}

fn read(t: Text<'_>) -> Result<(Scheme, RawScheme), ConfigError> {
    let raw: RawScheme = typed::read_as(t)?;
    let Some(head) = &raw.scheme else {
        return Err(t.absent("there is no [scheme] table", "Add: [scheme] and, below it, title = \"Anytown 2026\""));
    };
    let title = required(t, &head.get_ref().title, (head.span(), "[scheme]"), "title = \"Anytown 2026\"")?;
    let title = one_line(t, title, "the title")?;
    if raw.class.is_empty() {
        return Err(t.absent("there is no [[class]]", "`strongroom retention draft` prints a scheme to begin with."));
    }
    let mut classes = Vec::with_capacity(raw.class.len());
    let mut places = HashMap::new();
    for typed in &raw.class {
        let class = class(t, typed)?;
        let at = typed.get_ref().id.as_ref().map_or(0..0, Spanned::span);
        if let Some(first) = places.insert(class.id.clone(), at.start) {
            let message = format!("the id `{}` is taken: line {} has it", class.id, t.line(first));
            return Err(t.fault(at, message, "Give each class an id of its own."));
        }
        classes.push(class);
    }
    let scheme = Scheme { scheme: SchemeHead { title }, classes };
    check(t, &scheme, &raw)?;
    Ok((scheme, raw))
}

fn class(t: Text<'_>, typed: &Spanned<RawClass>) -> Result<Class, ConfigError> {
    let raw = typed.get_ref();
    let id = required(t, &raw.id, (typed.span(), "the class"), "id = \"paid-invoices\"")?.get_ref().clone();
    let named = format!("class `{id}`");
    let here = || (typed.span(), named.as_str());
    let title = one_line(t, required(t, &raw.title, here(), "title = \"Paid invoices\"")?, "the title")?;
    let minimum = from_text(t, required(t, &raw.minimum, here(), "minimum = \"6 years\"")?)?;
    let trigger = from_text(t, required(t, &raw.trigger, here(), "trigger = \"financial-year-end\"")?)?;
    let ceiling = raw.ceiling.as_ref().map(|c| from_text(t, c)).transpose()?;
    let action = one_of(t, required(t, &raw.action, here(), "action = \"destroy\"")?, "action", &ACTIONS)?;
    let strength = raw.strength.as_ref().map(|s| one_of(t, s, "strength", &STRENGTHS)).transpose()?;
    let approver = raw.approver.as_ref().map(|a| one_of(t, a, "approver", &APPROVERS)).transpose()?;
    let words = |value: &Opt<String>| value.as_ref().map(|v| v.get_ref().trim().to_owned()).unwrap_or_default();
    let patterns = raw.patterns.iter().flat_map(Spanned::get_ref).map(|p| p.get_ref().clone()).collect();
    Ok(Class {
        id,
        title,
        patterns,
        minimum,
        trigger,
        ceiling,
        authority: words(&raw.authority),
        strength,
        action,
        approver: approver.unwrap_or_default(),
        notes: words(&raw.notes),
    })
}

const ACTIONS: [(&str, Action); 4] =
    [("destroy", Action::Destroy), ("review", Action::Review), ("transfer", Action::Transfer), ("keep", Action::Keep)];
const STRENGTHS: [(&str, Strength); 4] = [
    ("statute", Strength::Statute),
    ("guidance", Strength::Guidance),
    ("practice", Strength::Practice),
    ("proposal", Strength::Proposal),
];
const APPROVERS: [(&str, Approver); 3] =
    [("clerk", Approver::Clerk), ("council", Approver::Council), ("none", Approver::None)];

fn one_of<T: Copy>(t: Text<'_>, value: &Spanned<String>, key: &str, known: &[(&str, T)]) -> Result<T, ConfigError> {
    known.iter().find(|(word, _)| word == value.get_ref()).map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<String> = known.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let help = format!("Write one of: {}.", words.join(", "));
        t.fault(value.span(), format!("`{key}` cannot be this"), help)
    })
}

/// A period or a trigger; what is allowed stands behind the first sentence of its error.
fn from_text<T: FromStr<Err: std::fmt::Display>>(t: Text<'_>, value: &Spanned<String>) -> Result<T, ConfigError> {
    value.get_ref().parse().map_err(|e: T::Err| {
        let said = e.to_string();
        let (message, help) = said.split_once(". ").unwrap_or((&said, ""));
        t.fault(value.span(), message, help)
    })
}

/// What can only be seen once all is read.
fn check(t: Text<'_>, scheme: &Scheme, raw: &RawScheme) -> Result<(), ConfigError> {
    let Some(first) = scheme.check().into_iter().next() else { return Ok(()) };
    let typed = raw.class.get(first.class);
    let at = typed.and_then(|typed| place(typed.get_ref(), &first.what)).or_else(|| typed.map(Spanned::span));
    let said = match &first.what {
        SchemeFault::Pattern { why, .. } => why.to_string(),
        other => other.to_string(),
    };
    Err(t.fault(at.unwrap_or(0..0), said, help(&first.what)))
}

fn place(class: &RawClass, fault: &SchemeFault) -> Option<Range<usize>> {
    match fault {
        SchemeFault::Id | SchemeFault::SameId => class.id.as_ref().map(Spanned::span),
        SchemeFault::Pattern { at, .. } => class.patterns.as_ref()?.get_ref().get(*at).map(Spanned::span),
        SchemeFault::Ceiling { .. } => class.ceiling.as_ref().map(Spanned::span),
    }
}

fn help(fault: &SchemeFault) -> &'static str {
    match fault {
        SchemeFault::Ceiling { .. } => "Lengthen the ceiling, or leave it out.",
        _ => "",
    }
}
