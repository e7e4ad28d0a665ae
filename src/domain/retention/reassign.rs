//! What an edited scheme would do with each record, before anybody adopts it: from which class to which, and when due.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::decide::{Compiled, Decider};
use super::record::RecordFacts;
use super::rulings::Law;
use super::scheme::{Action, Scheme, SchemeError};

/// Records that go from one class to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The class they have now; `None`: none, or several with an equal claim.
    pub from: Option<String>,
    /// The class they would have.
    pub to: Option<String>,
    /// The class they have now keeps them for ever.
    pub from_keep: bool,
    /// How many.
    pub records: u64,
    /// Of these: due at once.
    pub due_now: u64,
    /// Of these: due on a day to come.
    pub due_later: u64,
    /// The first of those days.
    pub first: Option<Date>,
}

/// All records whose class changes between two schemes, by the classes; the most records first.
///
/// # Errors
/// The fault of a scheme that cannot be in force.
pub fn steps(
    law: &Law,
    (old, new): (&Scheme, &Scheme),
    records: &[RecordFacts],
    today: Date,
) -> Result<Vec<Step>, SchemeError> {
    let (before, after) = (Compiled::new(law.with_scheme(old))?, Compiled::new(law.with_scheme(new))?);
    let (before, after) = (Decider::new(&before, records, today), Decider::new(&after, records, today));
    let mut all: BTreeMap<(Option<String>, Option<String>), Step> = BTreeMap::new();
    for ((_, a), (_, b)) in before.all().zip(after.all()).filter(|((_, a), (_, b))| a.class != b.class) {
        let step = all.entry((a.class.clone(), b.class.clone())).or_default();
        step.records += 1;
        match b.due {
            Some(day) if day <= today => step.due_now += 1,
            Some(day) => {
                step.due_later += 1;
                step.first = Some(step.first.map_or(day, |first| first.min(day)));
            }
            None => {}
        }
    }
    let keeps = |id: &Option<String>| {
        let class = id.as_ref().and_then(|id| old.class(id));
        class.is_some_and(|c| c.action == Action::Keep)
    };
    let named = all.into_iter().map(|((from, to), step)| Step { from_keep: keeps(&from), from, to, ..step });
    let mut steps: Vec<Step> = named.collect();
    steps.sort_by_key(|s| std::cmp::Reverse(s.records));
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::super::samples::{class, record, scheme};
    use super::*;

    #[test]
    fn each_step_says_from_where_to_where_and_when_due() {
        let mut kept = class("minutes", &["Docs/**"]);
        kept.action = Action::Keep;
        let old = scheme(vec![kept.clone(), class("invoices", &[])]);
        let new = scheme(vec![kept, class("invoices", &["Docs/a/**", "Else/**"])]);
        let mut young = record("Docs/a/2");
        young.modified = "2030-01-01T00:00:00Z".parse().unwrap();
        (young.created, young.observed) = (Some(young.modified), young.modified);
        let records = [record("Docs/a/1"), young, record("Docs/b"), record("Else/x")];
        let law = Law::none(TimeZone::UTC);
        let found = steps(&law, (&old, &new), &records, date(2030, 6, 1)).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        let (from_kept, from_none) = (&found[0], &found[1]);
        assert_eq!((from_kept.from.as_deref(), from_kept.to.as_deref()), (Some("minutes"), Some("invoices")));
        assert_eq!((from_kept.from_keep, from_kept.records, from_kept.due_now, from_kept.due_later), (true, 2, 1, 1));
        assert_eq!(from_kept.first, Some(date(2036, 1, 2)));
        assert_eq!((from_none.from.as_deref(), from_none.from_keep, from_none.due_now), (None, false, 1));
        let aged = |year: i16| {
            let mut record = record(&format!("Docs/a/{year}"));
            record.modified = date(year, 6, 1).in_tz("UTC").unwrap().timestamp();
            (record.created, record.observed) = (Some(record.modified), record.modified);
            record
        };
        let found = steps(&law, (&old, &new), &[2026, 2024, 2025].map(aged), date(2030, 6, 2)).unwrap();
        assert_eq!((found[0].due_now, found[0].due_later, found[0].first), (1, 2, Some(date(2031, 6, 2))));
        assert_eq!(steps(&law, (&old, &old), &records, date(2030, 6, 1)).unwrap(), []);
    }
}
