//! `[[set]]` and `[left_out]`: what is backed up, and what is not. Every record's path is unique and the same on every machine, because folder
//! names are unique across all sets and no folder lies in another.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use globset::Glob;
use toml::Spanned;

use super::check::{absolute, required};
use super::error::{ConfigError, Text};
use super::model::{Folder, ProtectedSet, SetKind};
use super::raw::{Opt, RawFolder, RawSet};
use super::schedule::max_age;
use crate::domain::path::RecordPath;
use crate::service::words::SetName;

/// The longest name of a set or a folder, in bytes.
const LONGEST_SET_NAME: usize = SetName::LONGEST;
const LONGEST_FOLDER_NAME: usize = 255;

pub(super) fn sets(t: Text<'_>, raw: &[Spanned<RawSet>]) -> Result<Vec<ProtectedSet>, ConfigError> {
    if raw.is_empty() {
        let help = "Add:\n[[set]]\nname = \"documents\"\nfolders = [\"/srv/council/Documents\"]";
        return Err(t.absent("there is no [[set]], so nothing would be backed up", help));
    }
    let (mut out, mut names, mut folders) = (Vec::new(), Vec::new(), Vec::new());
    for set in raw {
        out.push(one_set(t, set, &mut names, &mut folders)?);
    }
    Ok(out)
}

/// A folder and the line it stands on.
type Placed = (Folder, usize);

fn one_set(
    t: Text<'_>,
    set: &Spanned<RawSet>,
    names: &mut Vec<(String, usize)>,
    folders: &mut Vec<Placed>,
) -> Result<ProtectedSet, ConfigError> {
    let raw = set.get_ref();
    let typed = required(t, &raw.name, (set.span(), "this [[set]]"), "name = \"documents\"")?;
    let name = set_name(t, typed)?;
    if let Some((_, line)) = names.iter().find(|(n, _)| *n == name) {
        let message = format!("a set `{name}` is already on line {line}");
        return Err(t.fault(typed.span(), message, "Add its folders there, or give this one another name."));
    }
    names.push((name.clone(), t.line(typed.span().start)));
    let kind = kind(t, &raw.kind)?;
    let typed = required(t, &raw.folders, (set.span(), "this [[set]]"), "folders = [\"/srv/council/Documents\"]")?;
    if typed.get_ref().is_empty() {
        return Err(t.fault(typed.span(), format!("the set `{name}` has no folder"), "Name at least one folder."));
    }
    let first = folders.len();
    for item in typed.get_ref() {
        let folder = folder(t, item)?;
        no_clash(t, &folder, item, folders)?;
        folders.push((folder, t.line(item.span().start)));
    }
    let own = folders[first..].iter().map(|(f, _)| f.clone()).collect();
    let (exclude, max_age) = (exclude(t, &raw.exclude)?, max_age(t, &raw.max_age)?);
    Ok(ProtectedSet { name, kind, folders: own, exclude, allow_empty: raw.allow_empty, max_age })
}

/// Letters, digits, `-` and `_`: it stands in notices and commands.
pub(super) fn set_name(t: Text<'_>, typed: &Spanned<String>) -> Result<String, ConfigError> {
    let name = typed.get_ref();
    let clean = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && name.len() <= LONGEST_SET_NAME && name.bytes().all(clean) {
        return Ok(name.clone());
    }
    let help =
        format!("Use letters, digits, - and _, beginning with a letter or digit, at most {LONGEST_SET_NAME} of them.");
    Err(t.fault(typed.span(), "this cannot be the name of a set", help))
}

fn kind(t: Text<'_>, typed: &Opt<String>) -> Result<SetKind, ConfigError> {
    match typed {
        Some(kind) if kind.get_ref() != "folders" => {
            let help = "Write \"folders\". Mail kept as Maildir or .eml files is that too.";
            Err(t.fault(kind.span(), "this is no kind of set", help))
        }
        _ => Ok(SetKind::Folders),
    }
}

fn folder(t: Text<'_>, item: &Spanned<RawFolder>) -> Result<Folder, ConfigError> {
    let (typed, given) = match item.get_ref() {
        RawFolder::Path(path) => (Spanned::new(item.span(), path.clone()), None),
        RawFolder::Table(table) => {
            let path = required(t, &table.path, (item.span(), "this folder"), "path = \"/srv/council/Documents\"")?;
            (path.clone(), table.r#as.as_ref())
        }
    };
    let path = absolute(t, &typed, "a folder")?;
    let last = || path.file_name().map(|n| n.as_bytes().to_vec()).unwrap_or_default();
    let (bytes, span) = given.map_or_else(|| (last(), typed.span()), |g| (g.get_ref().clone().into_bytes(), g.span()));
    let name =
        RecordPath::new(bytes).ok().filter(|n| n.parent().is_none() && n.as_bytes().len() <= LONGEST_FOLDER_NAME);
    match name {
        Some(name) => Ok(Folder { path, name }),
        None => {
            let help = "Give the folder one plain name: { path = \"/srv/x\", as = \"Documents\" }.";
            Err(t.fault(span, "this folder's name in the backup must be one name, without a slash, '.' or '..'", help))
        }
    }
}

/// No folder in another, no name twice, in all sets.
fn no_clash(t: Text<'_>, new: &Folder, item: &Spanned<RawFolder>, seen: &[Placed]) -> Result<(), ConfigError> {
    let inside = |a: &Path, b: &Path| a.starts_with(b);
    for (old, line) in seen {
        let (new_path, old_path) = (new.path.display(), old.path.display());
        let overlap = if new.path == old.path {
            Some(format!("{new_path} is already backed up by line {line}"))
        } else if inside(&new.path, &old.path) {
            Some(format!("{new_path} lies in {old_path} of line {line}"))
        } else if inside(&old.path, &new.path) {
            Some(format!("{old_path} of line {line} lies in {new_path}"))
        } else {
            None
        };
        if let Some(message) = overlap {
            return Err(t.fault(
                item.span(),
                message,
                "Every record belongs to one folder of one set. Remove one of the two.",
            ));
        }
        if new.name == old.name {
            let message = format!("the folder on line {line} is also called `{}` in the backup", new.name);
            let help = format!("Name this one: {{ path = \"{new_path}\", as = \"{}-2\" }}.", new.name);
            return Err(t.fault(item.span(), message, help));
        }
    }
    Ok(())
}

/// What somebody decided not to back up.
pub(super) fn left_out(
    t: Text<'_>,
    typed: &[Spanned<String>],
    sets: &[ProtectedSet],
) -> Result<Vec<PathBuf>, ConfigError> {
    let one = |item: &Spanned<String>| {
        let path = absolute(t, item, "a folder")?;
        let holds = |f: &&Folder| path.starts_with(&f.path);
        let within = sets.iter().find_map(|set| Some((set, set.folders.iter().find(holds)?)));
        let Some((set, folder)) = within else { return Ok(path) };
        let message = format!("{} is backed up by the set `{}`", path.display(), set.name);
        let help = if folder.path == path {
            "Remove this line or the set's folder."
        } else {
            "To leave out a part of a set, write a pattern into the set's `exclude`."
        };
        Err(t.fault(item.span(), message, help))
    };
    typed.iter().map(one).collect()
}

fn exclude(t: Text<'_>, patterns: &[Spanned<String>]) -> Result<Vec<String>, ConfigError> {
    let check = |p: &Spanned<String>| match Glob::new(p.get_ref()) {
        Ok(_) if !p.get_ref().is_empty() => Ok(p.get_ref().clone()),
        Ok(_) => Err(t.fault(p.span(), "an empty pattern matches nothing", "Remove it.")),
        Err(e) => Err(t.fault(p.span(), format!("this is not a pattern: {}", e.kind()), "Write it as \"*.tmp\".")),
    };
    patterns.iter().map(check).collect()
}
