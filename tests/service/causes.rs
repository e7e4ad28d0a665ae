//! Once per cause, over random lives of an office: whatever fails, stops failing, or crashes half-way.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use strongroom::service::causes::{Decision, Evidence, REMIND_AFTER, causes_of, decide};
use strongroom::service::history::{Finished, fold};
use strongroom::service::journal::{Event, JournalEntry, Step, Told};
use strongroom::service::words::{Cause, Counts, JobKind, NoticeKind, Outcome, Reference, Role, SetName, Trouble, Why};

use crate::support::{at, set};

pub const ROLES: [Role; 2] = [Role::Clerk, Role::Provider];
pub const DEPUTY_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);

pub fn step(job: JobKind, set: Option<SetName>, trouble: Option<Trouble>, examined_all: bool) -> Step {
    let outcome = match trouble {
        None | Some(Trouble::MassChange) => Outcome::Done,
        Some(Trouble::Incomplete) => Outcome::Incomplete,
        Some(Trouble::Damage) => Outcome::Damage,
        Some(Trouble::Refused) => Outcome::Refused,
        Some(_) => Outcome::Failed,
    };
    let troubles = trouble.into_iter().collect();
    Step {
        job,
        set,
        outcome,
        troubles,
        counts: Counts::default(),
        snapshot: None,
        exit: 0,
        examined_all,
        seconds: 0,
        said: None,
    }
}

fn trouble() -> impl Strategy<Value = Option<Trouble>> {
    prop_oneof![
        3 => Just(None),
        2 => prop::sample::select(vec![
            Trouble::Failed(Why::StoreUnreachable), Trouble::Failed(Why::StoreFull), Trouble::Failed(Why::Other),
            Trouble::Failed(Why::SourceMissing), Trouble::Damage, Trouble::Incomplete, Trouble::Refused,
            Trouble::MassChange, Trouble::HistoryChanged, Trouble::ExaminedNothing,
        ]).prop_map(Some),
    ]
}

/// One run: hours since the one before, what each job met (or that it did not run), and where it crashed.
#[derive(Debug, Clone)]
struct Run {
    hours: i64,
    jobs: Vec<Step>,
    crash: Option<usize>,
    resolve: bool,
}

fn a_run() -> impl Strategy<Value = Run> {
    let slots = [
        (JobKind::Backup, Some("documents")),
        (JobKind::Backup, Some("email")),
        (JobKind::Verify, None),
        (JobKind::Prune, None),
    ];
    let jobs = slots.map(|(job, name)| {
        prop::option::weighted(0.8, (trouble(), any::<bool>()))
            .prop_map(move |met| met.map(|(trouble, all)| step(job, name.map(set), trouble, all)))
    });
    (1i64..40, jobs, prop::option::weighted(0.2, 0usize..8), prop::bool::weighted(0.1)).prop_map(
        |(hours, jobs, crash, resolve)| Run { hours, jobs: jobs.into_iter().flatten().collect(), crash, resolve },
    )
}

/// What one person heard under one reference: when, what, and the notice's id.
type Story = Vec<(Timestamp, NoticeKind, String)>;

pub struct Life {
    pub journal: Vec<JournalEntry>,
    pub now: Timestamp,
    /// Every notice ever stored: when, id, kind, role, reference, causes.
    pub sent: Vec<(Timestamp, String, NoticeKind, Role, Reference)>,
}

impl Life {
    pub fn note(&mut self, event: Event) {
        self.journal.push(JournalEntry { at: self.now, run: String::new(), event });
    }

    /// Carries a decision out, up to the crash.
    pub fn carry_out(&mut self, decision: Decision, crash: Option<usize>) {
        let mut left = crash.unwrap_or(usize::MAX);
        let mut go_on = || {
            let go = left > 0;
            left = left.saturating_sub(1);
            go
        };
        for event in decision.opened {
            if go_on() {
                self.note(event);
            }
        }
        for n in decision.notices {
            if go_on() {
                self.sent.push((self.now, n.id.clone(), n.kind, n.to, n.reference.clone()));
            }
            if go_on() {
                self.note(Event::NoticeQueued(Told { reference: Some(n.reference), to: n.to, notice: n.kind }));
            }
        }
        for event in decision.closed {
            if go_on() {
                self.note(event);
            }
        }
    }
}

fn live(runs: &[Run], mut check: impl FnMut(&Life, &Decision, &Run, &BTreeSet<Cause>)) -> Life {
    let mut life = Life { journal: Vec::new(), now: at("2026-03-01T02:30:00Z"), sent: Vec::new() };
    let sets = [set("documents"), set("email")];
    for run in runs {
        life.now += SignedDuration::from_hours(run.hours);
        if run.resolve {
            for reference in fold(&life.journal).open.into_keys() {
                life.note(Event::IncidentResolved { reference, by: None });
            }
        }
        let steps: Vec<Finished> = run.jobs.iter().map(|s| Finished { at: life.now, step: s.clone() }).collect();
        run.jobs.iter().for_each(|s| life.note(Event::StepFinished(s.clone())));
        let found: BTreeSet<Cause> = run.jobs.iter().flat_map(causes_of).collect();
        let state = fold(&life.journal);
        let evidence = Evidence {
            state: &state,
            steps: &steps,
            sets: &sets,
            roles: &ROLES,
            deputy_after: Some(DEPUTY_AFTER),
            now: life.now,
            zone: &TimeZone::UTC,
        };
        let decision = decide(&evidence);
        assert_eq!(decision, decide(&evidence), "not deterministic");
        life.carry_out(decision.clone(), run.crash);
        check(&life, &decision, run, &found);
    }
    life
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn everything_found_is_open_and_told_to_both_at_the_same_moment(runs in prop::collection::vec(a_run(), 1..14)) {
        live(&runs, |life, _, run, found| {
            if run.crash.is_some() {
                return;
            }
            let state = fold(&life.journal);
            for cause in found {
                let open = state.open.values().filter(|o| o.causes.contains(cause)).collect::<Vec<_>>();
                assert_eq!(open.len(), 1, "{cause} is on {} tickets", open.len());
                assert!(ROLES.iter().all(|role| open[0].told.contains_key(role)), "{cause} was told to too few");
            }
            let groups: BTreeSet<_> = state.open.values().flat_map(|o| &o.causes).collect();
            let count: usize = state.open.values().map(|o| o.causes.len()).sum();
            assert_eq!(groups.len(), count, "a cause is on two tickets");
        });
    }

    #[test]
    fn without_crashes_each_is_told_once_reminded_daily_and_closed_once(
        mut runs in prop::collection::vec(a_run(), 1..14),
    ) {
        runs.iter_mut().for_each(|r| r.crash = None);
        let life = live(&runs, |_, _, _, _| ());
        let mut stories: BTreeMap<(Reference, Role), Story> = BTreeMap::new();
        for (when, id, kind, to, reference) in life.sent {
            stories.entry((reference, to)).or_default().push((when, kind, id));
        }
        let ids: BTreeSet<_> = stories.values().flatten().map(|(_, _, id)| id.clone()).collect();
        prop_assert_eq!(ids.len(), stories.values().map(Vec::len).sum::<usize>());
        for ((reference, to), story) in &stories {
            let first = if *to == Role::Deputy { NoticeKind::Reminder } else { NoticeKind::Failure };
            prop_assert_eq!(story[0].1, first, "{} begins otherwise", reference);
            let closing = |k: NoticeKind| !matches!(k, NoticeKind::Failure | NoticeKind::Reminder);
            if *to == Role::Deputy {
                // A failure that goes on under another reference counts from its first day.
                let is_open = |s: &Story| s.iter().all(|(at, k, _)| !closing(*k) || *at >= story[0].0);
                let clerks = stories.iter().filter(|((_, to), s)| *to == Role::Clerk && is_open(s));
                let began = clerks.map(|(_, s)| s[0].0).min().unwrap();
                let waited = story[0].0.duration_since(began);
                prop_assert!(waited + SignedDuration::from_hours(2) >= DEPUTY_AFTER, "the deputy after {waited}");
            }
            let closings = story.iter().filter(|(_, k, _)| closing(*k)).count();
            prop_assert!(closings <= 1 && (closings == 0 || closing(story[story.len() - 1].1)), "{:?}", story);
            for pair in story.windows(2).filter(|pair| pair[1].1 == NoticeKind::Reminder) {
                prop_assert!(pair[1].0.duration_since(pair[0].0) >= REMIND_AFTER, "{:?}", pair);
            }
        }
        let open = fold(&life.journal).open;
        for ((reference, to), story) in &stories {
            let closed = !matches!(story[story.len() - 1].1, NoticeKind::Failure | NoticeKind::Reminder);
            prop_assert_eq!(closed, !open.contains_key(reference), "{} to {:?}", reference, to);
        }
    }

    #[test]
    fn a_crash_anywhere_is_made_good_by_the_next_run(before in prop::collection::vec(a_run(), 1..8), crash in 0usize..12) {
        let mut runs = before;
        runs.iter_mut().for_each(|r| r.crash = None);
        if let Some(last) = runs.last_mut() {
            last.crash = Some(crash);
        }
        let again = Run { hours: 1, crash: None, resolve: false, ..runs[runs.len() - 1].clone() };
        runs.push(again);
        let life = live(&runs, |_, _, _, _| ());
        let state = fold(&life.journal);
        let told: BTreeSet<_> = life.sent.iter().map(|(_, _, _, to, reference)| (to, reference)).collect();
        for reference in &state.references {
            for role in &ROLES {
                prop_assert!(told.contains(&(role, reference)), "{} was never told to {:?}", reference, role);
            }
        }
    }
}
