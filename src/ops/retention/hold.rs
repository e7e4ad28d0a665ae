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
use crate::domain::log::ruled::HoldState;
use crate::domain::log::state::State;
use crate::domain::path::{RecordPath, printable};
use crate::domain::pattern::Pattern;
use crate::domain::retention::plan::Plan;
use crate::domain::retention::rulings::{Hold, HoldText};
use crate::domain::retention::words::Said;
use crate::ops::OpsError;
use crate::repo::error::RepoError;
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

/// The patterns that fit no record at all: misspelt, or for records still to come.
pub fn unmatched<'o>(options: &'o PlaceHold, facts: &Facts) -> Vec<&'o str> {
    let fits = |typed: &str| {
        let pattern = Pattern::new(typed.trim());
        facts.records.iter().any(|r| pattern.matches_within(&r.path))
    };
    options.patterns.iter().map(String::as_str).filter(|p| !fits(p)).collect()
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

/// Which holds are to end.
#[derive(Debug, Clone)]
pub enum Which {
    /// One, by its number or its reason.
    One {
        /// What was typed.
        named: String,
        /// The council's own time, for the days of those that it could be.
        zone: TimeZone,
    },
    /// Every open one with this reason.
    All {
        /// The reason.
        reason: String,
    },
}

impl Which {
    /// One hold, by its number or its reason.
    pub fn one(named: impl Into<String>, zone: &TimeZone) -> Self {
        Self::One { named: named.into(), zone: zone.clone() }
    }
}

/// Ends holds; returns their numbers. What they kept is decided anew.
///
/// # Errors
/// [`OpsError::NotFound`]; [`OpsError::Usage`] when several have the reason that should name one; `NoRole` without the approver's seed.
pub fn release(repo: &mut Repository, which: &Which, by: &str, why: &str) -> Result<Vec<u64>, OpsError> {
    let body = WhyNote { by: line("--by", by)?, note: line("--note", why)? };
    repo.refresh()?;
    let holds: Vec<u64> = match which {
        Which::One { named, zone } => vec![meant(repo, named.trim(), zone)?],
        Which::All { reason } => by_reason(repo, reason.trim())?.iter().map(|h| h.at).collect(),
    };
    if let (Which::All { reason }, []) = (which, &holds[..]) {
        return Err(not_called(reason));
    }
    holds.into_iter().map(|hold| end(repo, hold, &body)).collect()
}

fn end(repo: &mut Repository, hold: u64, body: &WhyNote) -> Result<u64, OpsError> {
    let note = note::put(repo, note::RELEASE, body)?;
    let entry = Entry::HoldReleased { hold, note };
    let open = |state: &State| state.open_holds().any(|h| h.at == hold);
    let done = repo.append(|state| Ok(open(state).then(|| entry.clone())))?;
    done.map(|_| hold).ok_or_else(|| OpsError::NotFound(format!("hold {hold} was released already")))
}

fn meant(repo: &Repository, which: &str, zone: &TimeZone) -> Result<u64, OpsError> {
    if let Some(at) = which.parse().ok().filter(|n: &u64| repo.state().open_holds().any(|h| h.at == *n)) {
        return Ok(at);
    }
    let found = by_reason(repo, which)?;
    match &found[..] {
        [one] => Ok(one.at),
        [] => Err(not_called(which)),
        all => {
            let day = |hold: &Hold| Said(crate::domain::retention::trigger::day(hold.placed, zone)).to_string();
            let listed: Vec<String> = all.iter().map(|h| format!("{} (placed on {})", h.at, day(h))).collect();
            let (count, shown) = (all.len(), printable(which.as_bytes()));
            Err(OpsError::Usage(format!(
                "{count} open holds have the reason '{shown}': {}. Say which by its number, or all of them with \
                 --reason '{shown}' --all",
                listed.join(", ")
            )))
        }
    }
}

fn not_called(which: &str) -> OpsError {
    let shown = printable(which.as_bytes());
    OpsError::NotFound(format!("no open hold is called '{shown}'; 'strongroom hold list' shows them"))
}

/// The open holds with this reason, in any case of letters.
fn by_reason(repo: &Repository, reason: &str) -> Result<Vec<Hold>, OpsError> {
    let mut found = vec![];
    for state in repo.state().open_holds().filter(|_| repo.can_read()) {
        let (hold, _) = read(repo, state)?;
        let same = hold.readable.as_ref().is_some_and(|t| t.reason.to_lowercase() == reason.to_lowercase());
        found.extend(same.then_some(hold));
    }
    Ok(found)
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
            text = read(repo, h)?.0.readable;
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

/// A hold as its note has it; where the note cannot be read, why: then the hold touches everything. Every door to a
/// hold's words leads through here, so that what is unreadable holds everywhere alike.
///
/// # Errors
/// Faults of the store.
pub(crate) fn read(repo: &Repository, state: &HoldState) -> Result<(Hold, Option<String>), RepoError> {
    let (readable, why) = match note::read::<HoldText>(repo, note::HOLD, &state.note)? {
        Ok(text) => (Some(text), None),
        Err(why) => (None, Some(why)),
    };
    Ok((Hold { at: state.at, readable, sets: vec![], review: state.review, placed: state.time }, why))
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
        let (hold, _) = read(repo, past)?;
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
