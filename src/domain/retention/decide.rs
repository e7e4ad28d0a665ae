//! The decision: what becomes of a record on a day, and why. Pure and total.
//!
//! In this order: held, it is kept. Class or day unknown, it is kept. Minimum not over, it is kept. Kept for ever by
//! its class, it is kept. It is live or may be, then the live side has to act. Then the class's action. The moved self of a
//! record counts as the record: the more careful of both always wins.

use jiff::civil::Date;
use serde::Serialize;

use super::lineage::Lineage;
use super::matching::{ClassMatch, Matcher};
use super::reason::Reason;
use super::record::RecordFacts;
use super::rulings::{EventDate, HoldFinder, Law, record_text};
use super::scheme::{Action, Approver, Class, SchemeError};
use super::trigger::{Dated, date_of};
use super::words::Finder;

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// Kept.
    Retain,
    /// Kept, because of a hold.
    Held,
    /// Due, but it is on the live side, where people must act first.
    Live,
    /// Due, and a person decides or acts.
    Review,
    /// Due to be destroyed once approved.
    Dispose,
}

/// The decision and all that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// What becomes of it.
    pub disposition: Disposition,
    /// Its class.
    pub class: Option<String>,
    /// The pattern by which it belongs to it.
    pub matched: Option<String>,
    /// The day from which its class counts.
    pub dated: Option<Dated>,
    /// The last day of its own class's minimum.
    pub minimum_ends: Option<Date>,
    /// The first day on which it may go, its moved selves counted; `None`: never, or not known.
    pub due: Option<Date>,
    /// The first day after its ceiling, once that is past.
    pub overdue_since: Option<Date>,
    /// Who must approve a disposal.
    pub approver: Option<Approver>,
    /// Why; never empty.
    pub reasons: Vec<Reason>,
}

/// The law made ready for very many records.
#[derive(Debug, Clone)]
pub struct Compiled {
    law: Law,
    matcher: Matcher,
    holds: Vec<HoldFinder>,
    dates: Vec<Finder>,
}

impl Compiled {
    /// Compiles the law.
    ///
    /// # Errors
    /// The first fault of the scheme: nothing is decided by a scheme that has one.
    pub fn new(law: Law) -> Result<Self, SchemeError> {
        if let Some(fault) = law.scheme.as_ref().and_then(|s| s.check().into_iter().next()) {
            return Err(fault);
        }
        let matcher = law.scheme.as_ref().map(Matcher::new).unwrap_or_default();
        let holds = law.holds.iter().map(HoldFinder::new).collect();
        let dates = law.dates.iter().map(|d| Finder::new(&d.pattern)).collect();
        Ok(Self { law, matcher, holds, dates })
    }

    /// What it was made from.
    pub fn law(&self) -> &Law {
        &self.law
    }

    fn class(&self, at: usize) -> Option<&Class> {
        self.law.scheme.as_ref()?.classes.get(at)
    }

    /// Whether the record has a class, and whether that has a day to count from.
    pub fn standing(&self, record: &RecordFacts) -> (bool, bool) {
        let alone = self.alone(record);
        (matches!(alone.matched, ClassMatch::One { .. }), alone.dated.is_some())
    }

    /// What the law says of the record by itself.
    fn alone(&self, record: &RecordFacts) -> Alone {
        let text = record_text(record);
        let holds = self.law.holds.iter().zip(&self.holds).enumerate();
        let held = holds
            .filter(|(_, (hold, finder))| finder.touches(hold, record, &text, &self.law.zone))
            .map(|(at, _)| at)
            .collect();
        let matched = self.matcher.classify_folded(&text);
        let mut alone = Alone {
            held,
            matched,
            dated: None,
            ends: None,
            due: Due::Unknown,
            action: Action::Destroy,
            approver: Approver::None,
        };
        let ClassMatch::One { class, .. } = alone.matched else { return alone };
        let Some(class) = self.class(class) else { return alone };
        (alone.action, alone.approver) = (class.action, class.approver);
        let recorded = self.law.dates.iter().zip(&self.dates);
        let recorded: Vec<&EventDate> = recorded
            .filter(|(date, finder)| date.trigger == class.trigger && finder.fits(&record.path, &text))
            .map(|(date, _)| date)
            .collect();
        alone.dated = date_of(&class.trigger, record, &recorded, &self.law.zone);
        if let Some(dated) = &alone.dated {
            alone.ends = class.minimum.ends(dated.date);
            alone.due = match class.minimum.due(dated.date) {
                Some(day) if class.action != Action::Keep => Due::On(day),
                _ => Due::Never,
            };
        }
        alone
    }
}

/// When a record may go; later ones are the more careful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    On(Date),
    Never,
    Unknown,
}

/// The law on one record, without its moved selves.
struct Alone {
    held: Vec<usize>,
    matched: ClassMatch,
    dated: Option<Dated>,
    ends: Option<Date>,
    due: Due,
    action: Action,
    approver: Approver,
}

/// The most careful of all that a record's moved selves say, each with the first record (by number) that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moved {
    due: (Due, usize),
    action: (Action, usize),
    approver: Approver,
    live: Option<usize>,
    held: Option<(usize, usize)>,
}

impl Moved {
    fn of(record: &RecordFacts, number: usize, alone: &Alone) -> Self {
        Self {
            due: (alone.due, number),
            action: (alone.action, number),
            approver: alone.approver,
            live: record.may_be_live().then_some(number),
            held: alone.held.first().map(|hold| (number, *hold)),
        }
    }

    fn and(self, other: Self) -> Self {
        fn most<T: Ord + Copy>(a: (T, usize), b: (T, usize)) -> (T, usize) {
            if (b.0, std::cmp::Reverse(b.1)) > (a.0, std::cmp::Reverse(a.1)) { b } else { a }
        }
        fn first<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
            a.into_iter().chain(b).min()
        }
        Self {
            due: most(self.due, other.due),
            action: most(self.action, other.action),
            approver: self.approver.max(other.approver),
            live: first(self.live, other.live),
            held: first(self.held, other.held),
        }
    }
}

/// Decides for one record; `lineage` are its moved selves ([`Lineage::moved_selves`]).
pub fn decide(record: &RecordFacts, lineage: &[&RecordFacts], law: &Compiled, today: Date) -> Decision {
    let selves = lineage.iter().enumerate().map(|(number, r)| Moved::of(r, number, &law.alone(r)));
    let moved = selves.reduce(Moved::and).map(|m| (m, |number: usize| lineage[number]));
    settle(law, record, moved, today)
}

/// Decides for all records of a repository, one after the other, each moved self looked at once.
#[derive(Debug)]
pub struct Decider<'a> {
    law: &'a Compiled,
    records: &'a [RecordFacts],
    lineage: Lineage,
    /// For each place of the lineage: what all from there to the end of its run say.
    moved: Vec<Option<Moved>>,
    today: Date,
}

impl<'a> Decider<'a> {
    /// Looks at all records that share their content.
    pub fn new(law: &'a Compiled, records: &'a [RecordFacts], today: Date) -> Self {
        let lineage = Lineage::new(records);
        let mut moved: Vec<Option<Moved>> = vec![None; lineage.places()];
        for (place, number, last) in lineage.shared_from_last() {
            let own = Moved::of(&records[number], number, &law.alone(&records[number]));
            let later = moved.get(place + 1).copied().flatten().filter(|_| !last);
            moved[place] = Some(later.map_or(own, |later| own.and(later)));
        }
        Self { law, records, lineage, moved, today }
    }

    /// The decision for the record with this number.
    pub fn decide(&self, number: usize) -> Decision {
        let (from, end) = self.lineage.run(self.records, number);
        // Where dates contradict each other the record stands among its own later selves: then they are asked one by one.
        let moved = if self.lineage.stands_in(number, from, end) {
            let selves = self.lineage.moved_selves(self.records, number);
            selves.map(|n| Moved::of(&self.records[n], n, &self.law.alone(&self.records[n]))).reduce(Moved::and)
        } else {
            self.moved.get(from).copied().flatten().filter(|_| from < end)
        };
        settle(self.law, &self.records[number], moved.map(|m| (m, |number: usize| &self.records[number])), self.today)
    }

    /// All decisions, in the order of the records.
    pub fn all(&self) -> impl Iterator<Item = (&'a RecordFacts, Decision)> {
        self.records.iter().enumerate().map(|(number, record)| (record, self.decide(number)))
    }

    /// Who became whom.
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }
}

fn settle<'r>(
    law: &Compiled,
    record: &RecordFacts,
    moved: Option<(Moved, impl Fn(usize) -> &'r RecordFacts)>,
    today: Date,
) -> Decision {
    let alone = law.alone(record);
    let mut reasons = vec![];
    for hold in &alone.held {
        let (hold, why) = hold_words(law, *hold);
        reasons.push(Reason::Held { hold, why });
    }
    let (class, matched) = class_reason(law, &alone, &mut reasons);
    if let Some(class) = class {
        date_reasons(class, &alone, today, &mut reasons);
    }
    let (mut due, mut action, mut approver) = (alone.due, alone.action, alone.approver);
    let (mut held, mut live) = (!alone.held.is_empty(), record.may_be_live());
    if let Some((moved, find)) = &moved {
        moved_reasons(law, &alone, moved, find, &mut reasons);
        due = due.max(moved.due.0);
        action = action.max(moved.action.0);
        approver = approver.max(moved.approver);
        held |= moved.held.is_some();
        live |= moved.live.is_some();
    }
    if record.unreadable {
        reasons.push(Reason::Unreadable);
    } else if record.live {
        reasons.push(Reason::Live);
    }
    let on = if let Due::On(day) = due { Some(day) } else { None };
    let reached = on.filter(|day| *day <= today);
    if let Some(day) = reached {
        reasons.push(Reason::DueSince(day));
        if matches!(action, Action::Review | Action::Transfer) {
            reasons.push(Reason::ByPerson(action));
        }
    }
    let ceiling = class.and_then(|c| c.ceiling?.due(alone.dated.as_ref()?.date));
    let overdue_since = ceiling.filter(|day| *day <= today && reached.is_some());
    reasons.extend(overdue_since.map(Reason::PastCeiling));
    let disposition = match (reached, action) {
        _ if held => Disposition::Held,
        (None, _) | (_, Action::Keep) => Disposition::Retain,
        _ if live => Disposition::Live,
        (_, Action::Review | Action::Transfer) => Disposition::Review,
        (_, Action::Destroy) => Disposition::Dispose,
    };
    Decision {
        disposition,
        class: class.map(|c| c.id.clone()),
        matched,
        dated: alone.dated,
        minimum_ends: alone.ends,
        due: on,
        overdue_since,
        approver: class.map(|_| approver),
        reasons,
    }
}

fn hold_words(law: &Compiled, at: usize) -> (u64, Option<String>) {
    let hold = law.law.holds.get(at);
    (hold.map_or(0, |h| h.at), hold.and_then(|h| h.readable.as_ref()).map(|text| text.reason.clone()))
}

fn class_reason<'l>(
    law: &'l Compiled,
    alone: &Alone,
    reasons: &mut Vec<Reason>,
) -> (Option<&'l Class>, Option<String>) {
    match &alone.matched {
        ClassMatch::One { class, pattern } => {
            let Some(class) = law.class(*class) else { return (None, None) };
            let pattern = class.patterns.get(*pattern).cloned().unwrap_or_default();
            reasons.push(Reason::Classed { class: class.id.clone(), pattern: pattern.clone() });
            return (Some(class), Some(pattern));
        }
        ClassMatch::Tie(all) => {
            let classes = all.iter().filter_map(|(c, _)| law.class(*c)).map(|c| c.id.clone()).collect();
            reasons.push(Reason::Tie { classes });
        }
        ClassMatch::None if law.law.scheme.is_none() => reasons.push(Reason::NoScheme),
        ClassMatch::None => reasons.push(Reason::NoClass),
    }
    (None, None)
}

fn date_reasons(class: &Class, alone: &Alone, today: Date, reasons: &mut Vec<Reason>) {
    match &alone.dated {
        None => reasons.push(Reason::NoDate { trigger: class.trigger.clone() }),
        Some(dated) => {
            reasons.push(Reason::Counts { trigger: class.trigger.clone(), dated: dated.clone() });
            reasons.push(match alone.ends {
                None => Reason::MinimumNever,
                Some(day) if day < today => Reason::MinimumEnded(day),
                Some(day) => Reason::MinimumEnds(day),
            });
        }
    }
    if class.action == Action::Keep {
        reasons.push(Reason::KeptByClass);
    }
}

fn moved_reasons<'r>(
    law: &Compiled,
    alone: &Alone,
    moved: &Moved,
    find: impl Fn(usize) -> &'r RecordFacts,
    reasons: &mut Vec<Reason>,
) {
    let to = |number: usize| find(number).path.clone();
    if let Some((number, hold)) = moved.held {
        let (hold, why) = hold_words(law, hold);
        reasons.push(Reason::MovedHeld { to: to(number), hold, why });
    }
    let place = to(moved.due.1);
    reasons.push(match moved.due.0 {
        Due::Unknown => Reason::MovedUnknown { to: place },
        due if due <= alone.due => Reason::MovedNoLonger { to: place },
        Due::On(day) => Reason::MovedLonger { to: place, due: Some(day) },
        Due::Never => Reason::MovedLonger { to: place, due: None },
    });
    reasons.extend(moved.live.map(|number| Reason::MovedLive { to: to(number) }));
    if moved.action.0 > alone.action {
        reasons.push(Reason::MovedAction { to: to(moved.action.1), action: moved.action.0 });
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
