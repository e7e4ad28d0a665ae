//! The council's own policies on IT and on keeping records: when it last adopted them, and whether a year has passed.
//! Pure. They stand in the configuration, with the minute that says so.

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use serde::Serialize;

use crate::domain::path::printable;
use crate::service::plain::date;
use crate::service::status::{Light, Line};

/// A decision of the council.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adopted {
    /// The day.
    pub on: Date,
    /// The minute that says so: for this computer's own eyes, never for a notice.
    pub minute: String,
}

/// `[policy]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Policies {
    /// The IT policy.
    pub it: Option<Adopted>,
    /// The policy on keeping records.
    pub retention: Option<Adopted>,
}

/// What is to be said of one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// Adopted within the year.
    Fresh,
    /// No day is noted.
    Missing,
    /// Adopted on this day, more than a year ago.
    Due(Date),
}

impl Policies {
    /// IT policy and retention policy.
    pub fn reviews(&self, today: Date) -> [Review; 2] {
        [&self.it, &self.retention].map(|one| match one {
            None => Review::Missing,
            // A slip in the year must not silence it for long; a day ahead is another time zone.
            Some(adopted) if adopted.on > today.saturating_add(1.day()) => Review::Missing,
            Some(adopted) if adopted.on.saturating_add(1.year()) < today => Review::Due(adopted.on),
            Some(_) => Review::Fresh,
        })
    }

    /// Whether there is something to tell by mail. That a day was never noted is for whoever sets this up, and for the
    /// clerk only when a month has passed since `began`, when this computer's journal begins.
    pub fn is_due(&self, today: Date, began: Option<Date>) -> bool {
        // A beginning in the future is that of a wrong clock: of then, or, where a policy seems to lie ahead too, of now.
        let ahead = || [&self.it, &self.retention].into_iter().flatten().any(|a| a.on > today.saturating_add(1.day()));
        if began.is_some_and(|began| began > today) && ahead() {
            return false;
        }
        let settled = began.is_some_and(|began| began > today || began.saturating_add(1.month()) <= today);
        self.reviews(today).iter().any(|r| matches!(r, Review::Due(_)) || (settled && *r == Review::Missing))
    }

    /// The lines of the status: what is to be done.
    pub fn lines(&self, today: Date) -> Vec<Line> {
        let named = [("IT policy", "it", &self.it), ("retention policy", "retention", &self.retention)];
        let line = |((name, key, adopted), review): ((&str, &str, &Option<Adopted>), Review)| {
            let text = match (review, adopted) {
                (Review::Fresh, _) => return None,
                (Review::Due(_), Some(a)) => format!(
                    "The council's {name} was adopted {} (minute {}): more than a year ago. Once it is reviewed, put the \
                     new day and minute into [policy] {key}.",
                    date(a.on),
                    minute(a)
                ),
                _ => format!(
                    "To do: note when the council adopted its {name}: [policy] {key} = {{ adopted = DATE, minute = \"…\" }}"
                ),
            };
            Some(Line { light: Light::Amber, text })
        };
        named.into_iter().zip(self.reviews(today)).filter_map(line).collect()
    }
}

/// A reminder a month: on the thirtieth night, though a nightly run is sometimes a little early.
pub const MONTHLY: SignedDuration = SignedDuration::from_hours(30 * 24 - 2);

fn minute(adopted: &Adopted) -> String {
    printable(adopted.minute.as_bytes()).chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_is_counted_to_the_day_and_silence_is_no_adoption() {
        let adopted = |text: &str| Some(Adopted { on: text.parse().unwrap(), minute: "FC 1".into() });
        let policies = |it: &str| Policies { it: adopted(it), retention: None };
        let today = "2026-11-22".parse().unwrap();
        assert_eq!(policies("2025-11-22").reviews(today), [Review::Fresh, Review::Missing]);
        let old = "2025-11-21".parse().unwrap();
        assert_eq!(policies("2025-11-21").reviews(today)[0], Review::Due(old));
        assert!(policies("2025-11-21").is_due(today, None) && !policies("2026-11-22").is_due(today, None));
        let began = |text: &str| Some(text.parse().unwrap());
        assert!(!policies("2026-11-22").is_due(today, began("2026-10-23")), "not in the first month");
        assert!(policies("2026-11-22").is_due(today, began("2026-10-22")), "a day never noted is asked for");
        assert!(Policies::default().is_due(today, began("2031-01-01")), "a wrong clock hides nothing");
        assert!(!policies("2026-12-01").is_due(today, began("2026-12-01")), "the clock of now is told of by itself");
        assert_eq!(policies("2062-05-11").reviews(today)[0], Review::Missing);
        let both = Policies { it: adopted("2026-05-11"), retention: adopted("2026-05-11") };
        assert!(!both.is_due(today, began("2020-01-01")));
        let text = |p: &Policies| p.lines(today).into_iter().map(|l| (l.light, l.text)).collect::<Vec<_>>();
        assert!(text(&both).is_empty());
        let lines = text(&policies("2025-11-21"));
        assert!(lines[0].0 == Light::Amber && lines[0].1.contains("more than a year ago"), "{lines:?}");
        assert!(lines[1].0 == Light::Amber && lines[1].1.starts_with("To do: note when"), "{lines:?}");
    }
}
