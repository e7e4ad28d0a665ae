//! What is said of records that nothing lists any more since the council's scheme let them go: by which plan, and how
//! they come back, or what proves that they are gone.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use super::key::shown;
use super::records;
use crate::cli::failure::Failure;
use crate::cli::output::{Done, about};
use crate::cli::shell::Shell;
use crate::config::Config;
use crate::domain::listing::Kind;
use crate::domain::path::RecordPath;
use crate::domain::pattern::Pattern;
use crate::domain::problem::Exit;
use crate::ops::OpsError;
use crate::ops::query::{View, Which, record_path_of};
use crate::ops::retention::disposals::{Stage, day};
use crate::ops::retention::disposed::{Asked, Disposed, Memory, Taken};
use crate::repo::repository::Repository;
use crate::service::plain::{counted, list};

/// So many disposals are named.
const MOST: usize = 5;

/// A path that no newest snapshot knows, but an older one may, or a disposal.
pub fn typed_path(config: &Config, typed: &[u8]) -> Option<RecordPath> {
    if typed.starts_with(b"/") {
        let live = std::path::Path::new(std::ffi::OsStr::from_bytes(typed));
        return record_path_of(live, &records::folders(config));
    }
    RecordPath::new(typed.strip_suffix(b"/").unwrap_or(typed)).ok()
}

/// Everything that what was typed can mean.
fn asked(config: &Config, typed: &[u8]) -> Asked {
    let pattern = Pattern::new(&String::from_utf8_lossy(typed));
    let live = typed.starts_with(b"/");
    let name = (!live && !typed.contains(&b'/') && !pattern.is_wild()).then(|| typed.to_vec());
    // An empty pattern fits everything.
    let pattern = (!live && !typed.is_empty()).then_some(pattern);
    Asked { paths: typed_path(config, typed).into_iter().collect(), pattern, name, folders: vec![] }
}

/// The disposals that took what was typed.
///
/// # Errors
/// Damage and faults of the store.
pub fn find(config: &Config, repo: &mut Repository, typed: &[u8]) -> Result<Vec<Disposed>, OpsError> {
    let memory = Memory::load(repo)?;
    if memory.is_empty() {
        return Ok(vec![]);
    }
    let mut asked = asked(config, typed);
    let found = memory.find(&asked);
    if !found.is_empty() || asked.name.is_none() {
        return Ok(found);
    }
    asked.folders = folders(&mut View::open(repo, &Which::default())?)?;
    Ok(memory.find(&asked))
}

/// As [`find`], while a view is open.
///
/// # Errors
/// Damage and faults of the store.
pub fn find_in(config: &Config, memory: &Memory, view: &mut View<'_>, typed: &[u8]) -> Result<Vec<Disposed>, OpsError> {
    if memory.is_empty() {
        return Ok(vec![]);
    }
    Ok(memory.find(&Asked { folders: folders(view)?, ..asked(config, typed) }))
}

/// All folders that the newest backup knows, those that are gone too.
fn folders(view: &mut View<'_>) -> Result<Vec<RecordPath>, OpsError> {
    let mut all = BTreeSet::new();
    view.ls(None, true, &mut |hit| {
        match hit.entry.kind {
            Kind::Dir => drop(all.insert(hit.path)),
            _ => all.extend(hit.path.parent().and_then(|p| RecordPath::new(p).ok())),
        }
        Ok(())
    })?;
    Ok(all.into_iter().collect())
}

/// Nothing fits, or nothing any more.
///
/// # Errors
/// Never returns one by itself: what goes wrong on the way is the failure that is returned.
pub fn nothing(config: &Config, repo: &mut Repository, typed: &[u8], exit: Exit) -> Failure {
    match find(config, repo, typed) {
        Ok(found) if found.is_empty() => {
            let what = crate::domain::path::printable(typed);
            let hint = "Search by a part of the name, deleted files included: strongroom find NAME";
            Failure::said(exit, format!("nothing in the backup is called '{what}'"), hint)
        }
        Ok(found) => {
            let (words, hints): (Vec<String>, Vec<String>) =
                found.iter().take(MOST).map(|one| in_words(one, config)).unzip();
            Failure::said(exit, words.join("\n"), hints.join("\n"))
        }
        Err(e) => e.into(),
    }
}

/// One line on what of these folders (of everything, where one is `None`) the scheme let go, and the same as fields.
///
/// # Errors
/// Faults of the store.
pub fn taken_from(
    shell: &Shell,
    repo: &Repository,
    folders: &[Option<RecordPath>],
    set: Option<&str>,
    done: Done,
) -> Result<Done, OpsError> {
    let memory = Memory::load(repo)?;
    let mut by_plan: Vec<Taken> = vec![];
    for taken in folders.iter().flat_map(|f| memory.taken_from(f.as_ref(), set)) {
        match by_plan.iter_mut().find(|t| t.plan == taken.plan) {
            Some(before) => before.records += taken.records,
            None => by_plan.push(taken),
        }
    }
    let records: u64 = by_plan.iter().map(|t| t.records).sum();
    if records == 0 {
        return Ok(done);
    }
    let plans: Vec<String> = by_plan.iter().map(|t| shown(&t.plan)).collect();
    let (were, plan) =
        (counted(records, "record of it was", "records of it were"), if plans.len() == 1 { "plan" } else { "plans" });
    let named = list(&plans[..plans.len().min(MOST)]);
    let more = if plans.len() > MOST { format!(" and {} more", plans.len() - MOST) } else { String::new() };
    shell.out.note(format!(
        "Not all of it is there: {were} withdrawn or destroyed under {plan} {named}{more}. See: strongroom retention disposals"
    ));
    Ok(done.with("disposed", records).with("disposed_plans", plans))
}

/// No part of a destroyed record's name is kept: who asks by one is told so.
///
/// # Errors
/// Faults of the store.
pub fn nameless(shell: &Shell, repo: &Repository) -> Result<u64, OpsError> {
    let records = Memory::load(repo)?.nameless();
    if records > 0 {
        let were = counted(records, "record was", "records were");
        shell.out.say(format!(
            "{were} destroyed under the scheme, of whose names no part is kept. Give the whole name, as in strongroom find \
             'Letter to Smith.docx', or the path: then the register knows it. See: strongroom retention disposals"
        ));
    }
    Ok(records)
}

/// Says it as an answer.
pub fn say(shell: &Shell, config: &Config, found: &[Disposed]) {
    for one in found.iter().take(MOST) {
        let (words, hint) = in_words(one, config);
        let hint = shell.out.as_typed(&hint).replace('\n', "\n    ");
        shell.out.row(|| format!("{words}.\n    {hint}"), || object(one));
    }
}

/// What became of it; and what to do.
pub fn in_words(one: &Disposed, config: &Config) -> (String, String) {
    let (zone, disposal) = (&config.council.timezone, &one.disposal);
    let plan = shown(&disposal.state.plan);
    let minute = match one.told.minute.as_str() {
        "" => String::new(),
        minute => format!(" (minute {})", shown(minute)),
    };
    let (what, was) = match one.records {
        1 => (one.path.to_string(), "was"),
        n => (format!("{} that fit (such as {})", counted(n, "record", "records"), one.path), "were"),
    };
    let withdrawn = disposal.state.withdrawn.as_ref().map(|w| day(w.time, zone)).unwrap_or_default();
    match &disposal.stage {
        Stage::Done => {
            let on = one.told.ended.map(|at| format!(" on {}", day(at, zone))).unwrap_or_default();
            (
                format!("{what} {was} destroyed under the scheme{on}, by plan {plan}{minute}"),
                format!("The certificate: strongroom retention certificate {plan} --to DIR"),
            )
        }
        Stage::Withdrawn { deleted_from, .. } => (
            format!("{what} {was} withdrawn on {withdrawn} under plan {plan}{minute}"),
            format!(
                "Until deletion begins, not before {}, this brings back all of the plan:\n    strongroom retention \
                 cancel {plan} --by NAME --reason TEXT",
                day(*deleted_from, zone)
            ),
        ),
        _ => (
            format!("{what} {was} withdrawn on {withdrawn} under plan {plan}{minute}, and {was} being destroyed since"),
            "It can no longer be called off: strongroom retention disposals".to_owned(),
        ),
    }
}

fn object(one: &Disposed) -> Value {
    let d = &one.disposal.state;
    let deleted_from = match &one.disposal.stage {
        Stage::Withdrawn { deleted_from, .. } => Some(deleted_from),
        _ => None,
    };
    about(
        "disposed",
        &one.path,
        json!({
            "records": one.records, "plan": d.plan, "approval": d.at, "by": one.told.by, "minute": one.told.minute,
            "withdrawn": d.withdrawn.as_ref().map(|w| w.time), "deleted_from": deleted_from,
            "done": d.done.and(one.told.ended),
        }),
    )
}
