//! What `status` says of the council's scheme on keeping records: from the log, and from what the last run counted.
//!
//! No listing is read here. Amber is what waits for a person: a decision for more than a month, a hold's review, a
//! disposal that was stopped.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::domain::path::printable;
use crate::service::plain::{People, counted, date, number};
use crate::service::retention::{Numbers, RetentionState, SchemeSeen, Stopped};
use crate::service::status::{Light, Line};

/// A decision should not wait longer.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// So many plans are named.
const MOST_PLANS: usize = 3;

/// What the answer is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RetentionInput {
    /// The scheme in force.
    pub scheme: Option<SchemeSeen>,
    /// One that was adopted and does not count yet.
    pub next: Option<SchemeSeen>,
    /// When the records were last counted.
    pub counted: Option<Timestamp>,
    /// What that gave.
    pub numbers: Option<Numbers>,
    /// This computer cannot read what it stores, and counts nothing.
    pub not_checked: bool,
    /// Since when records have waited for a decision.
    pub waiting_since: Option<Timestamp>,
    /// Open holds.
    pub holds: u64,
    /// Those whose day of review has come.
    pub reviews_overdue: u64,
    /// The first of those days.
    pub oldest_review: Option<Date>,
    /// Approved disposals that are neither done nor called off.
    pub disposals: u64,
    /// Which those are, where the log is at hand.
    pub under_way: Vec<UnderWay>,
    /// Disposed records that lay in the folders again when the last run looked.
    pub reappeared: u64,
    /// Those that the last run did not carry out.
    pub stopped: Vec<u64>,
}

/// A disposal that is neither done nor called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnderWay {
    /// The plan's name.
    pub plan: String,
    /// How many records.
    pub records: u64,
}

impl RetentionInput {
    /// Records approved since they were counted wait for nobody any more.
    #[must_use]
    pub fn without_approved(mut self, records: u64) -> Self {
        if let Some(numbers) = &mut self.numbers {
            numbers.under_way = numbers.under_way.saturating_add(records);
            numbers.due = numbers.due.saturating_sub(records);
        }
        self
    }

    /// From the journal alone; nothing if no run has looked yet.
    pub fn of(state: &RetentionState) -> Option<Self> {
        let (_, look) = state.last.as_ref()?;
        Some(Self {
            scheme: look.scheme.clone(),
            next: look.next.clone(),
            counted: state.numbers.map(|(at, _)| at),
            numbers: state.numbers.map(|(_, numbers)| numbers),
            not_checked: look.not_checked.is_some(),
            waiting_since: state.waiting_since,
            holds: look.holds,
            reviews_overdue: look.reviews_overdue,
            oldest_review: look.oldest_review,
            disposals: look.disposals,
            under_way: vec![],
            reappeared: state.reappeared,
            stopped: stopped(look.stopped.iter().map(|(d, why)| (d.approval, *why))),
        })
    }
}

/// A safety check is passed some other night; all else waits for a person.
fn stopped(all: impl Iterator<Item = (u64, Stopped)>) -> Vec<u64> {
    all.filter(|(_, why)| *why != Stopped::SafetyCheck).map(|(approval, _)| approval).collect()
}

/// The lines of the status.
pub fn lines(input: &RetentionInput, people: &People, now: Timestamp) -> Vec<Line> {
    let mut lines = vec![first(input, people, now)];
    // Where it is the first, the line above has named it.
    if let Some(next) = input.next.as_ref().filter(|_| input.scheme.is_some()) {
        let text = format!("A new scheme (minute {}) counts from {}.", minute(next), date(next.in_force));
        lines.push(Line { light: Light::Green, text });
    }
    if let Some(oldest) = input.oldest_review.filter(|_| input.reviews_overdue > 0) {
        let holds = counted(input.reviews_overdue, "hold is", "holds are");
        let text = format!("{holds} due for review, the first since {}. See: strongroom hold list", date(oldest));
        lines.push(Line { light: Light::Amber, text });
    }
    if input.reappeared > 0 {
        let records = counted(input.reappeared, "record that was", "records that were");
        let text = format!(
            "{records} destroyed or withdrawn under the scheme lay in the folders again at the last run. See: strongroom \
             retention review"
        );
        lines.push(Line { light: Light::Amber, text });
    }
    for approval in &input.stopped {
        let text = format!(
            "Approved disposal {approval} was stopped and waits for a person: its records changed, or are too many at \
             once. See: strongroom retention disposals"
        );
        lines.push(Line { light: Light::Amber, text });
    }
    lines
}

fn first(input: &RetentionInput, people: &People, now: Timestamp) -> Line {
    let held = (input.holds > 0).then(|| counted(input.holds, "open hold", "open holds"));
    let Some(scheme) = &input.scheme else {
        let held = held.map(|h| format!(" {h}.")).unwrap_or_default();
        let text = match &input.next {
            Some(next) => format!(
                "Retention: the scheme of minute {} counts from {}; until then no record is destroyed.{held}",
                minute(next),
                date(next.in_force)
            ),
            None => format!("Retention: no scheme is adopted, so no record is destroyed.{held}"),
        };
        return Line { light: Light::Green, text };
    };
    let mut parts = vec![format!("scheme adopted {} (minute {})", date(scheme.on), minute(scheme))];
    let mut light = Light::Green;
    let mut tail = String::new();
    match &input.numbers {
        Some(n) => {
            parts.push(format!("{} due and waiting for your decision", counted(n.due, "record", "records")));
            parts.push(format!("{} on hold", number(n.held)));
            let share = |of: u64| number(of.saturating_mul(100).checked_div(n.records).unwrap_or(0));
            let (classed, dated) = (share(n.classed), share(n.datable));
            parts.push(format!("{classed} % of records have a class, {dated} % also a date to count from"));
            // The absolute difference, so that a clock set back hides nothing.
            let since = input.waiting_since.filter(|_| n.due > 0);
            if let Some(since) = since.filter(|since| now.duration_since(*since).abs() > LONGEST_WAIT) {
                light = Light::Amber;
                tail = format!(" They have waited since {}. See: strongroom retention plan", people.day(since));
            }
        }
        None if input.not_checked => {
            parts.extend(held);
            tail = " Records are not counted here: this computer cannot read what it stores.".to_owned();
        }
        None => parts.extend(held),
    }
    if !input.under_way.is_empty() {
        parts.push(under_way(&input.under_way));
    } else if input.disposals > 0 {
        parts.push(format!("{} under way", counted(input.disposals, "approved disposal", "approved disposals")));
    }
    Line { light, text: format!("Retention: {}.{tail}", parts.join("; ")) }
}

fn under_way(all: &[UnderWay]) -> String {
    let records = counted(all.iter().map(|d| d.records).sum(), "record is", "records are");
    let names: Vec<String> = all.iter().take(MOST_PLANS).map(|d| printable(d.plan.as_bytes())).collect();
    let more = all.len().saturating_sub(MOST_PLANS) as u64;
    let more = if more > 0 { format!(" and {}", counted(more, "other", "others")) } else { String::new() };
    let plans = if all.len() == 1 { "plan" } else { "plans" };
    format!("{records} being disposed of under {plans} {}{more}", names.join(", "))
}

fn minute(scheme: &SchemeSeen) -> String {
    printable(scheme.minute.as_bytes()).chars().take(40).collect()
}
