//! What adopting a scheme would change, before anybody adopts it: by class, and by record.
//!
//! A scheme shortens when any record could go earlier than now, one that so far could never go among them, or when any
//! class is less careful than in the scheme in force, whether it has records yet or not.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Unit;
use jiff::civil::Date;

use super::decide::{Compiled, Decider, Decision, Disposition};
use super::matching::ClassPattern;
use super::period::{Period, sooner};
use super::record::RecordFacts;
use super::rulings::Law;
use super::scheme::{Action, Approver, Class, Scheme, SchemeError};
use super::trigger::Trigger;

/// How far a due day moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shift {
    /// By so much: years and months where there are any, else days.
    By {
        /// Whole years.
        years: u32,
        /// Whole months.
        months: u32,
        /// Days, where it is less than a month.
        days: u32,
    },
    /// Between a day and never (or not known).
    Never,
}

/// Records whose due day moves by the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Their class in the new scheme.
    pub class: Option<String>,
    /// By how much.
    pub by: Shift,
    /// How many.
    pub records: u64,
}

/// What becomes of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClassChange {
    /// It is new.
    Added,
    /// It is gone; its records fall to other classes or are kept.
    Removed,
    /// Its minimum can end sooner: old, new.
    Shorter(Period, Period),
    /// Its minimum is longer: old, new.
    Longer(Period, Period),
    /// It counts from something else: old, new.
    Trigger(Trigger, Trigger),
    /// What becomes of its records: old, new.
    Action(Action, Action),
    /// Who must approve: old, new.
    Approver(Approver, Approver),
    /// It claims a place more, where no record lies yet.
    Claims(String),
}

/// What adopting would change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoption {
    /// Records that would be due earlier, those that had no day until now among them.
    pub now_due_earlier: Vec<Moved>,
    /// Records that would be due later, or no more.
    pub later: Vec<Moved>,
    /// Records that would be due (to go, for review, or on the live side) on the day asked about, and are not now.
    pub newly_due_on_adoption: u64,
    /// Records that had no class and would have one.
    pub newly_classed: u64,
    /// Records that had a class and would have none: they would be kept.
    pub no_longer_classed: u64,
    /// Classes that change: id and how.
    pub classes: Vec<(String, ClassChange)>,
    /// Something could go earlier than by the scheme in force: the cooling-off applies.
    pub shortened: bool,
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::By { years, months, days } = *self else { return f.write_str("instead of never") };
        let parts = [(years, "year"), (months, "month"), (days, "day")];
        let said: Vec<String> = parts
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, unit)| format!("{n} {unit}{}", if *n == 1 { "" } else { "s" }))
            .collect();
        f.write_str(&said.join(" "))
    }
}

impl fmt::Display for ClassChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added => f.write_str("is new"),
            Self::Removed => f.write_str("is no longer there"),
            Self::Shorter(old, new) => write!(f, "is kept {new} instead of {old}: shorter"),
            Self::Longer(old, new) => write!(f, "is kept {new} instead of {old}"),
            Self::Trigger(old, new) => write!(f, "counts from {new} instead of {old}"),
            Self::Action(old, new) => write!(f, "says {new} instead of {old}"),
            Self::Approver(old, new) => write!(f, "is approved by {new} instead of {old}"),
            Self::Claims(pattern) => write!(f, "takes what will lie in '{pattern}', where there is no record yet"),
        }
    }
}

impl ClassChange {
    /// Whether records could go sooner, or with less care, because of it alone.
    fn shortens(&self) -> bool {
        match self {
            Self::Shorter(..) => true,
            // Another event may come sooner for records that are not there yet, and a place more takes them.
            Self::Trigger(..) | Self::Claims(_) => true,
            Self::Action(old, new) => new < old,
            Self::Approver(old, new) => new < old,
            _ => false,
        }
    }
}

impl ClassChange {
    /// Whether its records would be kept longer, or with more care, because of it alone.
    fn lengthens(&self) -> bool {
        match self {
            Self::Longer(..) => true,
            Self::Action(old, new) => new > old,
            Self::Approver(old, new) => new > old,
            _ => false,
        }
    }
}

impl Adoption {
    /// How many records would be due earlier.
    pub fn earlier(&self) -> u64 {
        self.now_due_earlier.iter().map(|m| m.records).sum()
    }

    /// Whether anything would be kept longer, or with more care.
    pub fn lengthens(&self) -> bool {
        !self.later.is_empty() || self.classes.iter().any(|(_, c)| c.lengthens())
    }
}

/// Compares the law in force, if there is one, with one that has the new scheme.
///
/// # Errors
/// The fault of a scheme that cannot be in force.
pub fn compare(old: Option<&Law>, new: &Law, records: &[RecordFacts], today: Date) -> Result<Adoption, SchemeError> {
    let nothing = Law::none(new.zone.clone());
    let old = Compiled::new(old.unwrap_or(&nothing).clone())?;
    let new = Compiled::new(new.clone())?;
    let (before, after) = (Decider::new(&old, records, today), Decider::new(&new, records, today));
    let mut classes = class_changes(old.law().scheme.as_ref(), new.law().scheme.as_ref());
    if let (Some(old), Some(new)) = (&old.law().scheme, &new.law().scheme) {
        classes.extend(claims(old, new, records));
    }
    let mut adoption =
        Adoption { shortened: classes.iter().any(|(_, c)| c.shortens()), classes, ..Adoption::default() };
    let (mut earlier, mut later) = (BTreeMap::new(), BTreeMap::new());
    for ((_, a), (_, b)) in before.all().zip(after.all()) {
        match (&a.class, &b.class) {
            (None, Some(_)) => adoption.newly_classed += 1,
            (Some(_), None) => adoption.no_longer_classed += 1,
            _ => {}
        }
        adoption.newly_due_on_adoption += u64::from(is_due(&b) && !is_due(&a));
        let key = |b: Decision| (b.class, shift(a.due, b.due));
        if sooner(b.due, a.due) {
            *earlier.entry(key(b)).or_insert(0) += 1;
        } else if sooner(a.due, b.due) {
            *later.entry(key(b)).or_insert(0) += 1;
        }
    }
    adoption.shortened |= !earlier.is_empty();
    let listed = |all: BTreeMap<(Option<String>, Shift), u64>| -> Vec<Moved> {
        all.into_iter().map(|((class, by), records)| Moved { class, by, records }).collect()
    };
    (adoption.now_due_earlier, adoption.later) = (listed(earlier), listed(later));
    Ok(adoption)
}

/// Patterns that a class of the new scheme has, the same of the old one has not, and no record fits: what comes there
/// later would go by them.
fn claims(old: &Scheme, new: &Scheme, records: &[RecordFacts]) -> Vec<(String, ClassChange)> {
    let had = |class: &Class, text: &String| old.classes.iter().any(|c| c.id == class.id && c.patterns.contains(text));
    let goes = |class: &&Class| class.action != Action::Keep && class.minimum != Period::Indefinite;
    let mut more: Vec<(&Class, &String, ClassPattern)> = vec![];
    for class in new.classes.iter().filter(goes) {
        let fresh = class.patterns.iter().filter(|text| !had(class, text));
        more.extend(fresh.filter_map(|text| Some((class, text, ClassPattern::new(text).ok()?))));
    }
    more.retain(|(.., pattern)| !records.iter().any(|r| pattern.matches(&r.path)));
    more.into_iter().map(|(class, text, _)| (class.id.clone(), ClassChange::Claims(text.clone()))).collect()
}

fn is_due(decision: &Decision) -> bool {
    matches!(decision.disposition, Disposition::Live | Disposition::Review | Disposition::Dispose)
}

/// The distance of two due days, whichever is the earlier.
fn shift(a: Option<Date>, b: Option<Date>) -> Shift {
    let (Some(a), Some(b)) = (a, b) else { return Shift::Never };
    let Ok(span) = a.min(b).until((Unit::Year, a.max(b))) else { return Shift::Never };
    let years = u32::from(span.get_years().unsigned_abs());
    let months = span.get_months().unsigned_abs();
    let days = if years == 0 && months == 0 { span.get_days().unsigned_abs() } else { 0 };
    Shift::By { years, months, days }
}

fn class_changes(old: Option<&Scheme>, new: Option<&Scheme>) -> Vec<(String, ClassChange)> {
    let classes = |scheme: Option<&Scheme>| scheme.map(|s| s.classes.clone()).unwrap_or_default();
    let (old, new) = (classes(old), classes(new));
    let find = |all: &[Class], id: &str| all.iter().position(|c| c.id == id);
    let mut changes = vec![];
    for class in &new {
        match find(&old, &class.id) {
            None => changes.push((class.id.clone(), ClassChange::Added)),
            Some(at) => changes.extend(changed(&old[at], class).into_iter().map(|c| (class.id.clone(), c))),
        }
    }
    let removed = old.iter().filter(|c| find(&new, &c.id).is_none());
    changes.extend(removed.map(|c| (c.id.clone(), ClassChange::Removed)));
    changes
}

fn changed(old: &Class, new: &Class) -> Vec<ClassChange> {
    let mut changes = vec![];
    if new.minimum.is_shorter_than(&old.minimum) {
        changes.push(ClassChange::Shorter(old.minimum, new.minimum));
    } else if old.minimum.is_shorter_than(&new.minimum) {
        changes.push(ClassChange::Longer(old.minimum, new.minimum));
    }
    if old.trigger != new.trigger {
        changes.push(ClassChange::Trigger(old.trigger.clone(), new.trigger.clone()));
    }
    if old.action != new.action {
        changes.push(ClassChange::Action(old.action, new.action));
    }
    if old.approver != new.approver {
        changes.push(ClassChange::Approver(old.approver, new.approver));
    }
    changes
}

#[cfg(test)]
#[path = "adoption_tests.rs"]
mod tests;
