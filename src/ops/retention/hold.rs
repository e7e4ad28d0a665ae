//! Holds: what must be kept whatever the scheme says, until a person releases it.
//!
//! Placing one needs no reading identity: a machine that may only write can do it. Patterns and reasons stand in a
//! note that readers alone can open.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::approve::Changed;
use super::facts::Facts;
use super::note::{self, WhyNote, line};
use crate::domain::log::entry::Entry;
use crate::domain::log::state::State;
use crate::domain::path::{RecordPath, printable};
use crate::domain::retention::plan::Plan;
use crate::domain::retention::rulings::{Hold, HoldText};
use crate::ops::OpsError;
use crate::repo::repository::Repository;

/// A hold to be placed.
#[derive(Debug, Clone)]
pub struct PlaceHold {
    /// What it touches, as people search for records; at least one, `*` for everything.
    pub patterns: Vec<String>,
    /// Why, such as `FOI 2026-014`.
    pub reason: String,
    /// Who said so.
    pub by: String,
    /// When somebody should look at it again.
    pub review: Date,
    /// Only records modified on this day or later.
    pub from: Option<Date>,
    /// Only records modified on this day or earlier.
    pub to: Option<Date>,
    /// The day it is.
    pub today: Date,
}

/// What a hold touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// How many records.
    pub records: u64,
    /// How many of them are live.
    pub live: u64,
    /// Some of them.
    pub examples: Vec<RecordPath>,
}

/// Counts what a hold touches.
pub fn touched(facts: &Facts, hold: &Hold, zone: &TimeZone) -> Touched {
    let mut touched = Touched::default();
    for record in facts.records.iter().filter(|r| hold.touches(r, zone)) {
        touched.records += 1;
        touched.live += u64::from(record.may_be_live());
        if touched.examples.len() < 5 {
            touched.examples.push(record.path.clone());
        }
    }
    touched
}

fn text_of(options: &PlaceHold) -> Result<HoldText, OpsError> {
    if options.patterns.is_empty() {
        return Err(OpsError::Usage("name what is held: a folder, a name, a pattern; '*' for everything".into()));
    }
    let patterns: Result<Vec<String>, OpsError> = options.patterns.iter().map(|p| line("a pattern", p)).collect();
    let (from, to) = (options.from, options.to);
    if let (Some(from), Some(to)) = (from, to)
        && to < from
    {
        return Err(OpsError::Usage(format!("--to {to} is before --from {from}")));
    }
    if options.review < options.today {
        return Err(OpsError::Usage(format!("--review {} is past; name the day to look at it again", options.review)));
    }
    let (reason, by) = (line("--reason", &options.reason)?, line("--by", &options.by)?);
    Ok(HoldText { patterns: patterns?, reason, by, from, to })
}

/// What a hold would touch, before it is placed.
///
/// # Errors
/// [`OpsError::Usage`] when it makes no sense.
pub fn preview(options: &PlaceHold, facts: &Facts, zone: &TimeZone) -> Result<Touched, OpsError> {
    let readable = Some(text_of(options)?);
    let hold = Hold { at: 0, readable, sets: vec![], review: options.review, placed: Timestamp::UNIX_EPOCH };
    Ok(touched(facts, &hold, zone))
}

/// Places a hold; returns its number. It is in force from this entry on, for records present and future, and may
/// touch nothing yet.
///
/// # Errors
/// [`OpsError::Usage`] when it makes no sense; `NoRole` without the approver's seed; faults of the store.
pub fn place(repo: &mut Repository, options: &PlaceHold) -> Result<u64, OpsError> {
    let text = text_of(options)?;
    let note = note::put(repo, note::HOLD, &text)?;
    let entry = Entry::HoldPlaced { note, review: options.review };
    let placed = repo.append(|_| Ok(Some(entry.clone())))?;
    placed.ok_or_else(|| OpsError::Nothing("nothing was placed".into()))
}

/// Ends a hold, named by its number or its reason. What it kept is decided anew.
///
/// # Errors
/// [`OpsError::NotFound`]; [`OpsError::Usage`] when several are meant; `NoRole` without the approver's seed.
pub fn release(repo: &mut Repository, which: &str, by: &str, why: &str) -> Result<u64, OpsError> {
    let body = WhyNote { by: line("--by", by)?, note: line("--note", why)? };
    repo.refresh()?;
    let hold = meant(repo, which)?;
    let note = note::put(repo, note::RELEASE, &body)?;
    let entry = Entry::HoldReleased { hold, note };
    let open = |state: &State| state.open_holds().any(|h| h.at == hold);
    let done = repo.append(|state| Ok(open(state).then(|| entry.clone())))?;
    done.map(|_| hold).ok_or_else(|| OpsError::NotFound(format!("hold {hold} was released already")))
}

fn meant(repo: &Repository, which: &str) -> Result<u64, OpsError> {
    let which = which.trim();
    let open: Vec<(u64, crate::domain::id::NoteName)> = repo.state().open_holds().map(|h| (h.at, h.note)).collect();
    if let Some((at, _)) = which.parse().ok().and_then(|n: u64| open.iter().find(|(at, _)| *at == n)) {
        return Ok(*at);
    }
    let mut found = vec![];
    for (at, name) in open.iter().filter(|_| repo.can_read()) {
        let text: Result<HoldText, String> = note::read(repo, note::HOLD, name)?;
        found.extend(text.ok().filter(|t| t.reason.to_lowercase() == which.to_lowercase()).map(|_| *at));
    }
    match found[..] {
        [one] => Ok(one),
        [] => {
            let shown = printable(which.as_bytes());
            Err(OpsError::NotFound(format!("no open hold is called '{shown}'; 'strongroom hold list' shows them")))
        }
        _ => {
            let numbers: Vec<String> = found.iter().map(u64::to_string).collect();
            Err(OpsError::Usage(format!("several holds have that reason: say which, {}", numbers.join(" or "))))
        }
    }
}

/// One hold as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number.
    pub at: u64,
    /// When it was placed.
    pub placed: Timestamp,
    /// When somebody should look at it again.
    pub review: Date,
    /// That day has come, and it is open.
    pub review_due: bool,
    /// What it says, where that can be read.
    pub text: Option<HoldText>,
    /// The entry that released it.
    pub released: Option<u64>,
    /// Who released it and why, where that can be read.
    pub release: Option<WhyNote>,
    /// What it touches, where facts are at hand and it is open.
    pub touched: Option<Touched>,
}

/// All holds, oldest first; released ones too if asked for.
///
/// # Errors
/// Faults of the store.
pub fn list(
    repo: &Repository,
    facts: Option<&Facts>,
    zone: &TimeZone,
    today: Date,
    released_too: bool,
) -> Result<Vec<Listed>, OpsError> {
    let mut all = vec![];
    for h in repo.state().holds.iter().filter(|h| released_too || h.released.is_none()) {
        let (mut text, mut release) = (None, None);
        if repo.can_read() {
            text = note::read::<HoldText>(repo, note::HOLD, &h.note)?.ok();
            if let Some(name) = &h.release_note {
                release = note::read::<WhyNote>(repo, note::RELEASE, name)?.ok();
            }
        }
        let open = h.released.is_none();
        let hold = Hold { at: h.at, readable: text.clone(), sets: vec![], review: h.review, placed: h.time };
        all.push(Listed {
            at: h.at,
            placed: h.time,
            review: h.review,
            review_due: open && h.review <= today,
            text,
            released: h.released,
            release,
            touched: facts.filter(|_| open).map(|facts| touched(facts, &hold, zone)),
        });
    }
    Ok(all)
}

/// Records of an approval that a hold touched after it was given, though it was released since: somebody wanted them
/// then, so somebody must approve anew.
///
/// # Errors
/// Faults of the store.
pub(super) fn held_since(
    repo: &Repository,
    approval: u64,
    facts: &Facts,
    plan: &Plan,
    zone: &TimeZone,
) -> Result<Vec<Changed>, OpsError> {
    let mut found = vec![];
    for past in repo.state().holds.iter().filter(|h| h.at > approval && h.released.is_some()) {
        let readable = note::read(repo, note::HOLD, &past.note)?.ok();
        let hold = Hold { at: past.at, readable, sets: vec![], review: past.review, placed: past.time };
        for planned in &plan.records {
            let record = facts.find(&planned.set, &planned.path).map(|at| &facts.records[at]);
            if record.is_some_and(|r| hold.touches(r, zone)) {
                let why = format!("hold {} touched it after it was approved, so it must be approved anew", hold.at);
                found.push(Changed { set: planned.set.clone(), path: planned.path.clone(), why });
            }
        }
    }
    Ok(found)
}
