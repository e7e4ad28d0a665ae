//! A log and a journal without any bytes behind them, for reports; and a year in which most things happen.

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp, ToSpan};
use strongroom::domain::id::*;
use strongroom::domain::log::bits::Bits;
use strongroom::domain::log::entry::*;
use strongroom::domain::log::fold::fold;
use strongroom::domain::log::proofs::{Checked, KeyDrilled};
use strongroom::domain::log::rulings::{DisposalApproved, SchemeAdopted};
use strongroom::domain::log::state::{Slot, State};
use strongroom::ops::access::{AccessText, Listed};
use strongroom::service::journal::{Event, JournalEntry, Step, Told};
use strongroom::service::pages::{Kept, Lost, Said};
use strongroom::service::policy::{Adopted, Policies};
use strongroom::service::report::span::Span;
use strongroom::service::report::{Facts, Report, Setting, report};
use strongroom::service::words::{Cause, Counts, JobKind, NoticeKind, Outcome, Reference, Role as To, Trouble, Why};

use crate::support::{at, people, set};

const SERVER: u8 = 2;
const HOSTILE: &str = "x</td><script>alert('x')</script> =cmd|' /C calc'!A0 [a](http://e.example) \u{202e}";

/// A log and a journal being written, and nothing else.
pub struct Books {
    pub slots: Vec<Slot>,
    pub journal: Vec<JournalEntry>,
    /// Of another machine.
    pub others: Vec<JournalEntry>,
    pub lost: Vec<Lost>,
}

fn holder(id: u8, name: &str, reads: bool) -> Keyholder {
    Keyholder { id: KeyholderId::new([id; 32]), name: name.into(), recipient: "age1x".into(), reads }
}

impl Books {
    pub fn begun(when: &str) -> Self {
        let roles = vec![Role::Writer, Role::Tester, Role::Pruner, Role::Approver];
        let key = ActorId::new([SERVER; 32]);
        let machine = KeyholderId::new([SERVER; 32]);
        let epoch = Epoch { number: 1, reading: "age1r".into(), writing: "age1w".into(), bundles: vec![] };
        let created = Created {
            root: ActorId::new([1; 32]),
            epoch,
            keyholders: vec![holder(1, "recovery sheet", true), holder(SERVER, "office server", true)],
            actors: vec![Actor { key, machine, name: "office server".into(), roles, reads: true }],
            single_machine: false,
        };
        let mut books = Self { slots: vec![], journal: vec![], others: vec![], lost: vec![] };
        books.say_as(1, at(when), Entry::Created(created));
        books
    }

    fn say_as(&mut self, key: u8, time: Timestamp, entry: Entry) -> u64 {
        let n = self.slots.len() as u64;
        let prev = self.slots.last().map_or(Link::ORIGIN, |s| s.link);
        let repository = (n > 0).then(|| RepositoryId::new([9; 32]));
        let nonce = String::new();
        let body = Body { v: 1, n, repository, prev, actor: ActorId::new([key; 32]), nonce, time, entry };
        let mut link = [0xee; 32];
        link[..8].copy_from_slice(&n.to_be_bytes());
        self.slots.push(Slot { n, link: Link::new(link), body: Some(body) });
        n
    }

    pub fn say(&mut self, time: Timestamp, entry: Entry) -> u64 {
        self.say_as(SERVER, time, entry)
    }

    pub fn line(&mut self, time: Timestamp, run: &str, event: Event) {
        self.journal.push(JournalEntry { at: time, run: run.into(), event });
    }

    /// A backup in the log, and the run that made it in the journal.
    pub fn night(&mut self, began: Timestamp, problems: u64) -> u64 {
        let (name, after) = (format!("run {began}"), began + SignedDuration::from_mins(7));
        let n = self.slots.len() as u8;
        let session = SessionId::new([n; 32]);
        if self.slots.len() == 1 {
            let pack = StoredPack { name: PackName::new([1; 32]), size: 5_000_000 };
            let index = StoredIndex { name: IndexName::new([1; 32]), size: 100 };
            self.say(began, Entry::Stored(Stored { session, began, packs: vec![pack], index }));
        }
        let snapshot = Snapshot {
            set: "documents".into(),
            root: ChunkId::new([n; 32]),
            session,
            began,
            needs: [0u32].into_iter().collect(),
            parent: None,
            files: 1000,
            bytes: 9_000_000,
            added: 1_000_000,
            problems,
            gone: 0,
            mass_change: None,
        };
        let id = self.say(after, Entry::Snapshot(snapshot));
        self.line(began, &name, Event::RunStarted);
        let outcome = if problems > 0 { Outcome::Incomplete } else { Outcome::Done };
        self.line(after, &name, Event::StepFinished(step(outcome, Some(SnapshotId(id)))));
        self.line(after, &name, Event::RunFinished { exit: 0 });
        id
    }

    /// A run that failed; the clerk and the provider are told after so many minutes.
    pub fn bad_night(&mut self, began: Timestamp, reference: &str, told: Option<(i64, i64)>) {
        let (name, found) = (format!("run {began}"), began + SignedDuration::from_mins(1));
        let reference = Reference::try_from(reference.to_owned()).unwrap();
        let cause = Cause {
            trouble: Trouble::Failed(Why::StoreUnreachable),
            job: JobKind::Backup,
            set: Some(set("documents")),
        };
        self.line(began, &name, Event::RunStarted);
        self.line(found, &name, Event::StepFinished(step(Outcome::Failed, None)));
        self.line(found, &name, Event::CauseOpened { reference: reference.clone(), cause });
        if let Some((clerk, provider)) = told {
            for (to, minutes) in [(To::Clerk, clerk), (To::Provider, provider)] {
                let told = Told { reference: Some(reference.clone()), to, notice: NoticeKind::Failure };
                self.line(found + SignedDuration::from_mins(minutes), &name, Event::NoticeSent(told));
            }
        }
        self.line(found + SignedDuration::from_mins(1), &name, Event::RunFinished { exit: 1 });
    }

    pub fn report(&self, span: Span, now: Timestamp, access: Vec<Listed>) -> Report {
        let state = self.state();
        let (people, kept) = (people(), self.kept());
        report(&facts(&people, &kept, self, &state, span, now, access))
    }

    fn state(&self) -> State {
        let state = fold(RepositoryId::new([9; 32]), &self.slots).unwrap();
        assert_eq!(state.voids, []);
        state
    }

    fn kept(&self) -> Kept {
        let said = |id: u8, lines: &[JournalEntry]| {
            let machine = Some(KeyholderId::new([id; 32]));
            lines.iter().map(|entry| Said { machine, entry: entry.clone() }).collect::<Vec<_>>()
        };
        let entries = [said(SERVER, &self.journal), said(SERVER + 1, &self.others)].concat();
        Kept { entries, lost: self.lost.clone(), ..Kept::default() }
    }
}

fn facts<'a>(
    people: &'a strongroom::service::plain::People,
    kept: &'a Kept,
    books: &'a Books,
    state: &'a State,
    span: Span,
    now: Timestamp,
    access: Vec<Listed>,
) -> Facts<'a> {
    let adopted = |on, minute: &str| Some(Adopted { on, minute: minute.into() });
    let setting = Setting {
        store: "a cloud store (S3)",
        offsite: true,
        lock_days: Some(30),
        version_days: None,
        sets: vec![(set("documents"), 7 * 24), (set("email"), 7 * 24)],
        policies: Policies {
            it: adopted(date(2026, 1, 19), "FC 26/12"),
            retention: adopted(date(2026, 11, 2), HOSTILE),
        },
        sealed: Some(true),
        trial: false,
    };
    let signer = Some((ActorId::new([SERVER; 32]), "office server".to_owned()));
    Facts { people, setting, slots: &books.slots, state, kept, access, span, now, signer }
}

pub fn step(outcome: Outcome, snapshot: Option<SnapshotId>) -> Step {
    Step {
        job: JobKind::Backup,
        set: Some(set("documents")),
        outcome,
        troubles: vec![],
        counts: Counts::default(),
        snapshot,
        exit: 0,
        examined_all: false,
        seconds: 420,
        said: Some("/srv/documents/HR/Smith grievance.docx is gone".into()),
    }
}

/// 02:30 of the council's own time, also on the days on which the clocks change.
pub fn half_past_two(day: Date) -> Timestamp {
    day.at(2, 30, 0, 0).to_zoned(people().zone).unwrap().timestamp()
}

pub fn days(from: Date, to: Date) -> impl Iterator<Item = Date> {
    from.series(1.day()).take_while(move |d| *d <= to)
}

/// Set up in October; a gap of twelve days in January; most of what can happen in a year.
pub fn a_year() -> (Books, Vec<Listed>) {
    let mut books = Books::begun("2026-10-20T10:00:00Z");
    let gap = Span { from: date(2027, 1, 5), to: date(2027, 1, 16) };
    for day in days(date(2026, 10, 20), date(2027, 3, 31)) {
        let began = half_past_two(day).max(at("2026-10-20T11:00:00Z"));
        if !gap.has(day) {
            books.night(began, u64::from(day == date(2026, 12, 24)) * 3);
        } else if day == gap.from {
            books.bad_night(began, "SR-2027-0105-K7Q", Some((2, 1)));
        } else if day == date(2027, 1, 9) {
            books.bad_night(began, "SR-2027-0109-B2C", None);
        }
        if day == date(2027, 1, 17) {
            let reference = Reference::try_from(String::from("SR-2027-0105-K7Q")).unwrap();
            let (trouble, job) = (Trouble::Failed(Why::StoreUnreachable), JobKind::Backup);
            let cause = Cause { trouble, job, set: Some(set("documents")) };
            let how = NoticeKind::WorkingAgain;
            books.line(began + SignedDuration::from_mins(8), "x", Event::CauseClosed { reference, cause, how });
        }
        if day == date(2026, 11, 1) {
            first_of_november(&mut books, began + SignedDuration::from_mins(20));
        }
    }
    let text = |who: &str| {
        let key = "storage console, second key".into();
        Some(AccessText { who: who.into(), key, why: "moving the store".into(), by: "The Clerk".into() })
    };
    let access = Listed {
        at: 60,
        entered: at("2026-12-01T09:00:00Z"),
        text: text("Example IT"),
        from: date(2026, 12, 1),
        until: date(2026, 12, 14),
        ended: Some(date(2026, 12, 12)),
        end: None,
        overdue: false,
    };
    let open = Listed { at: 61, text: text(HOSTILE), ended: None, overdue: true, ..access.clone() };
    (books, vec![access, open])
}

fn first_of_november(books: &mut Books, time: Timestamp) {
    let keyholder = KeyholderId::new([SERVER; 32]);
    let note = |n: u8| NoteName::new([n; 32]);
    let packs: Bits = [0u32].into_iter().collect();
    let tested = Tested {
        snapshot: None,
        packs,
        documents: 200,
        bytes: 90_000_000,
        failed: 0,
        complete: false,
        keyholder,
        bundles: vec![],
    };
    books.say(time, Entry::Tested(tested));
    books.say(time, Entry::Checked(Checked { objects: 3, bytes: 100, failed: 1 }));
    let (files, bytes, stored) = (1000, 9_000_000, 5_000_000);
    let drilled = Drilled {
        snapshots: vec![],
        whole: true,
        files,
        bytes,
        stored,
        seconds: 754,
        failed: 0,
        keyholder,
        sampled: false,
    };
    books.say(time, Entry::Drilled(drilled));
    let (snapshot, bundle) = (None, None);
    let key = KeyDrilled { keyholder, epoch: 1, root: false, snapshot, documents: 12, bytes: 700, failed: 0, bundle };
    books.say(time, Entry::KeyDrilled(key));
    books.say(time, Entry::Restored { snapshot: None, files: 2, bytes: 34_000 });
    let (on, in_force) = (date(2026, 11, 2), date(2026, 11, 2));
    let digest = Digest::new([7; 32]);
    books
        .say(time, Entry::SchemeAdopted(SchemeAdopted { note: note(1), digest, minute: HOSTILE.into(), on, in_force }));
    let hold = books.say(time, Entry::HoldPlaced { note: note(2), review: date(2027, 5, 1) });
    books.say(time, Entry::HoldPlaced { note: note(3), review: date(2027, 6, 1) });
    books.say(time + SignedDuration::from_hours(50), Entry::HoldReleased { hold, note: note(4) });
    let plan = "2026-11-01-3f9a2c41".into();
    books.say(time, Entry::DisposalApproved(DisposalApproved { plan, note: note(5), records: 9, bytes: 99 }));
    let counts = vec![800, 20, 1000];
    let incident = Incident { what: IncidentKind::MassChange, snapshot: None, counts };
    let incident = books.say(time, Entry::Incident(incident));
    let (by, why) = ("The Clerk".into(), "renamed folders".into());
    books.say(time + SignedDuration::from_hours(9), Entry::IncidentResolved { incident, by, note: why });
    let added = KeyholderAdded { holder: holder(5, HOSTILE, true), bundle: None };
    books.say_as(1, time, Entry::KeyholderAdded(added));
    let gone = KeyholderId::new([5; 32]);
    books.say_as(1, time + SignedDuration::from_hours(24 * 60), Entry::KeyholderRemoved { keyholder: gone });
}
