//! What a run saw of the council's rules on keeping records, and whom that is told: by counts only. Pure.
//!
//! What waits for a person is told at once and then weekly while it waits; what has happened is told once. Nothing
//! here can hold a name, a title or a minute: only numbers and dates reach a message.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::service::access::{AccessSeen, KeysSeen};
use crate::service::policy::{MONTHLY, Review};
use crate::service::words::{Reference, Role, word};

/// A nightly run is sometimes a little early: seven days are told on the seventh night.
const WEEKLY: SignedDuration = SignedDuration::from_hours(7 * 24 - 2);

/// An adopted scheme, as the log has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemeSeen {
    /// The entry that adopted it.
    pub entry: u64,
    /// The minute that says so: for this computer's own eyes, never for a notice.
    pub minute: String,
    /// The day of the decision.
    pub on: Date,
    /// The first day on which it counts.
    pub in_force: Date,
}

/// All records, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// All.
    pub records: u64,
    /// With a class.
    pub classed: u64,
    /// With a class and a date to count from.
    pub datable: u64,
    /// Due to be destroyed, and waiting for a person.
    pub due: u64,
    /// Some of those need a decision of the council.
    pub needs_council: bool,
    /// Due, and a person decides each time.
    pub review: u64,
    /// Due, and still in use.
    pub live: u64,
    /// On hold.
    pub held: u64,
    /// Approved, and on their way out.
    pub under_way: u64,
    /// Past their ceiling.
    pub overdue: u64,
}

/// Why a run did not look at the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotChecked {
    /// This computer cannot read what it stores.
    CannotRead,
}

/// One disposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisposalSeen {
    /// The entry that approved it.
    pub approval: u64,
    /// How many records.
    pub records: u64,
}

/// Why an approved disposal is not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// Some of its records must stay now.
    Changed,
    /// So many at once need a person's word.
    TooMany,
    /// A safety check refused; it is tried again.
    SafetyCheck,
}

/// What one run saw and did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The scheme in force.
    pub scheme: Option<SchemeSeen>,
    /// One that was adopted and does not count yet.
    pub next: Option<SchemeSeen>,
    /// The records, where they were looked at.
    pub numbers: Option<Numbers>,
    /// Why they were not.
    pub not_checked: Option<NotChecked>,
    /// Open holds.
    pub holds: u64,
    /// Those whose day of review has come.
    pub reviews_overdue: u64,
    /// The first of those days.
    pub oldest_review: Option<Date>,
    /// Disposals that are neither done nor called off.
    pub disposals: u64,
    /// Approved in this run by the scheme itself.
    pub approved: Vec<DisposalSeen>,
    /// Not carried out, and why.
    pub stopped: Vec<(DisposalSeen, Stopped)>,
    /// Done in this run.
    pub done: Vec<DisposalSeen>,
    /// Disposed records that lie in the folders again; unknown where a backup did not end well.
    pub reappeared: Option<u64>,
}

/// Something to tell. Numbers and dates only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Records are due and wait for a decision.
    Proposals {
        /// How many.
        records: u64,
        /// Some need a decision of the council.
        needs_council: bool,
        /// Since when some have waited.
        since: Timestamp,
    },
    /// The day of review of some holds has come.
    HoldReviews {
        /// How many.
        holds: u64,
        /// The first of those days.
        oldest: Date,
    },
    /// A scheme was adopted that lets records go sooner, and waits.
    AdoptedShortening {
        /// The entry that adopted it.
        entry: u64,
        /// The first day on which it counts.
        in_force: Date,
        /// How many records would be due sooner, where that is known.
        records: Option<u64>,
    },
    /// The wait of such a scheme is over.
    SchemeInForce {
        /// The entry that adopted it.
        entry: u64,
    },
    /// A disposal was approved.
    DisposalApproved {
        /// Which, and how many records.
        disposal: DisposalSeen,
        /// By the scheme itself, not by a person.
        by_scheme: bool,
        /// There is no time to change one's mind.
        urgent: bool,
    },
    /// An approved disposal was called off.
    DisposalCancelled {
        /// Which.
        disposal: DisposalSeen,
    },
    /// An approved disposal was not carried out.
    DisposalStopped {
        /// Which.
        disposal: DisposalSeen,
        /// Why.
        why: Stopped,
    },
    /// A disposal is done, and its certificate made.
    DisposalDone {
        /// Which.
        disposal: DisposalSeen,
    },
    /// Disposed records lie in the folders again.
    Reappeared {
        /// How many.
        records: u64,
    },
    /// The council's own policies were not adopted within a year: on IT, and on keeping records.
    Policies([Review; 2]),
    /// Access of people outside the council ends soon, or should have ended.
    Access(AccessSeen),
    /// The list of keys and computers that may use the backups was changed.
    Keys(KeysSeen),
}

impl News {
    /// What it is about: the same thing keeps its reference.
    pub fn subject(&self) -> String {
        match self {
            Self::Proposals { .. } => PROPOSALS.into(),
            Self::HoldReviews { .. } => REVIEWS.into(),
            Self::Reappeared { .. } => REAPPEARED.into(),
            Self::Policies(_) => "policies".into(),
            Self::Access(seen) => format!("access-{}", seen.first),
            Self::Keys(seen) => format!("keys-{}", seen.entry),
            Self::AdoptedShortening { entry, .. } | Self::SchemeInForce { entry } => format!("scheme-{entry}"),
            Self::DisposalApproved { disposal, .. }
            | Self::DisposalCancelled { disposal }
            | Self::DisposalStopped { disposal, .. }
            | Self::DisposalDone { disposal } => format!("disposal-{}", disposal.approval),
        }
    }

    /// By which it is known whether it was told: letters, digits and `-`.
    pub fn key(&self) -> String {
        let what = match self {
            Self::Proposals { .. } | Self::HoldReviews { .. } | Self::Reappeared { .. } => return self.subject(),
            Self::Policies(_) | Self::Access(_) | Self::Keys(_) => return self.subject(),
            Self::AdoptedShortening { .. } => "adopted".to_owned(),
            Self::SchemeInForce { .. } => "in-force".to_owned(),
            Self::DisposalApproved { .. } => "approved".to_owned(),
            Self::DisposalCancelled { .. } => "cancelled".to_owned(),
            Self::DisposalStopped { why, .. } => format!("stopped-{}", word(why)),
            Self::DisposalDone { .. } => "done".to_owned(),
        };
        format!("{}-{what}", self.subject())
    }

    /// How often it is told again while it is so; `None`: never.
    pub fn repeats(&self) -> Option<SignedDuration> {
        match self {
            Self::Proposals { .. } | Self::HoldReviews { .. } | Self::Reappeared { .. } | Self::Access(_) => {
                Some(WEEKLY)
            }
            Self::Policies(_) => Some(MONTHLY),
            _ => None,
        }
    }

    /// Who must know.
    pub fn roles(&self) -> &'static [Role] {
        match self {
            Self::Proposals { .. } | Self::HoldReviews { .. } | Self::Reappeared { .. } => &[Role::Clerk],
            // What may be an attack, or a fault of the computer, has a technical side.
            Self::DisposalStopped { why: Stopped::SafetyCheck, .. } => &[Role::Clerk, Role::Provider],
            Self::Policies(_) | Self::Access(_) | Self::DisposalStopped { .. } => &[Role::Clerk],
            Self::Keys(_) | Self::AdoptedShortening { .. } => &[Role::Clerk, Role::Deputy, Role::Provider],
            _ => &[Role::Clerk, Role::Deputy],
        }
    }
}

const PROPOSALS: &str = "proposals";
const REVIEWS: &str = "hold-reviews";
const REAPPEARED: &str = "reappeared";

/// What the journal says of all this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionState {
    /// The last look.
    pub last: Option<(Timestamp, Look)>,
    /// The last time the records were counted.
    pub numbers: Option<(Timestamp, Numbers)>,
    /// Since when there have always been records that wait for a decision.
    pub waiting_since: Option<Timestamp>,
    /// Disposed records that lay in the folders again, when that was last known.
    pub reappeared: u64,
    /// When each was last told of what.
    pub told: BTreeMap<(String, Role), Timestamp>,
    /// The reference of each subject.
    pub references: BTreeMap<String, Reference>,
}

impl RetentionState {
    /// Takes in what a run saw.
    pub fn looked(&mut self, at: Timestamp, look: &Look) {
        if let Some(numbers) = look.numbers {
            self.numbers = Some((at, numbers));
            if numbers.due > 0 {
                self.waiting_since.get_or_insert(at);
            } else {
                self.waiting_since = None;
                self.forget(PROPOSALS);
            }
        }
        if look.reviews_overdue == 0 {
            self.forget(REVIEWS);
        }
        self.reappeared = look.reappeared.unwrap_or(self.reappeared);
        if look.reappeared == Some(0) {
            self.forget(REAPPEARED);
        }
        self.last = Some((at, look.clone()));
    }

    /// Takes in that somebody was told.
    pub fn was_told(&mut self, at: Timestamp, about: &About, reference: &Reference, to: Role) {
        self.told.insert((about.key.clone(), to), at);
        self.references.insert(about.subject.clone(), reference.clone());
    }

    /// It is over: when it comes again it is news, under a reference of its own.
    fn forget(&mut self, subject: &str) {
        self.references.remove(subject);
        self.told.retain(|(key, _), _| key != subject);
    }
}

/// What a notice was about, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// See [`News::subject`].
    pub subject: String,
    /// See [`News::key`].
    pub key: String,
}

/// A notice that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionNotice {
    /// Stable: the same notice decided twice on one day has the same id.
    pub id: String,
    /// What people quote.
    pub reference: Reference,
    /// For whom.
    pub to: Role,
    /// What it says.
    pub news: News,
    /// When it was decided.
    pub at: Timestamp,
}

impl RetentionNotice {
    /// For the journal.
    pub fn about(&self) -> About {
        About { subject: self.news.subject(), key: self.news.key() }
    }
}

/// What a look gives to tell, told before or not.
pub fn news(state: &RetentionState, look: &Look, now: Timestamp) -> Vec<News> {
    let mut all = vec![];
    if let Some(numbers) = look.numbers.filter(|n| n.due > 0) {
        let since = state.waiting_since.unwrap_or(now);
        all.push(News::Proposals { records: numbers.due, needs_council: numbers.needs_council, since });
    }
    if let Some(oldest) = look.oldest_review.filter(|_| look.reviews_overdue > 0) {
        all.push(News::HoldReviews { holds: look.reviews_overdue, oldest });
    }
    if let Some(next) = &look.next {
        all.push(News::AdoptedShortening { entry: next.entry, in_force: next.in_force, records: None });
    }
    // The end of the wait is told to those who were told of its beginning.
    if let Some(scheme) = look.scheme.as_ref().filter(|s| s.in_force > s.on) {
        let begun = News::AdoptedShortening { entry: scheme.entry, in_force: scheme.in_force, records: None };
        if state.told.contains_key(&(begun.key(), Role::Clerk)) {
            all.push(News::SchemeInForce { entry: scheme.entry });
        }
    }
    let approved = |d: &DisposalSeen| News::DisposalApproved { disposal: *d, by_scheme: true, urgent: false };
    all.extend(look.approved.iter().map(approved));
    all.extend(look.stopped.iter().map(|(disposal, why)| News::DisposalStopped { disposal: *disposal, why: *why }));
    all.extend(look.done.iter().map(|d| News::DisposalDone { disposal: *d }));
    all.extend(look.reappeared.filter(|n| *n > 0).map(|records| News::Reappeared { records }));
    all
}

/// Which of it is due now, and to whom.
pub fn notices(
    state: &RetentionState,
    taken: &BTreeSet<Reference>,
    news: &[News],
    deputy: bool,
    now: Timestamp,
    zone: &TimeZone,
) -> Vec<RetentionNotice> {
    let (mut taken, mut known) = (taken.clone(), state.references.clone());
    let mut due = vec![];
    for one in news {
        for to in one.roles().iter().filter(|to| deputy || **to != Role::Deputy) {
            match (state.told.get(&(one.key(), *to)), one.repeats()) {
                (Some(_), None) => continue,
                // The absolute difference, so that a clock set back does not silence anybody.
                (Some(told), Some(wait)) if now.duration_since(*told).abs() < wait => continue,
                _ => {}
            }
            let reference = known.entry(one.subject()).or_insert_with(|| {
                let new = Reference::of(&format!("retention {}", one.subject()), now, zone, &taken);
                taken.insert(new.clone());
                new
            });
            let day = now.to_zoned(zone.clone()).date().strftime("%Y%m%d").to_string();
            let id = format!("{reference}-{}-{day}-{}", one.key(), word(to));
            due.push(RetentionNotice { id, reference: reference.clone(), to: *to, news: one.clone(), at: now });
        }
    }
    due
}
