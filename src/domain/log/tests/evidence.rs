//! Pages of journals and access of outsiders: who may say it, what is void, and how long their notes are needed.

use jiff::SignedDuration;
use jiff::civil::date;

use super::rulings::note;
use super::*;
use crate::domain::log::evidence::EVIDENCE_KEPT;

const IMPOSSIBLE: Option<VoidWhy> = Some(VoidWhy::Impossible);
const WRONG_ROLE: Option<VoidWhy> = Some(VoidWhy::WrongRole);

fn why(w: &World, n: u64) -> Option<VoidWhy> {
    w.state().voids.iter().find(|(at, _)| *at == n).map(|(_, why)| *why)
}

fn page(name: u8, from: i64, to: i64) -> Entry {
    let at = |second| Timestamp::from_second(second).unwrap();
    Entry::Journal(JournalPage { note: note(name), from: at(from), to: at(to), lines: 3 })
}

fn given(name: u8, from: i16, until: i16) -> Entry {
    Entry::AccessGiven(AccessGiven { note: note(name), from: date(from, 1, 1), until: date(until, 1, 1) })
}

fn ended(access: u64, name: u8) -> Entry {
    Entry::AccessEnded(AccessEnded { access, on: date(2026, 6, 1), note: note(name) })
}

#[test]
fn an_access_is_given_and_ended_once_by_one_who_approves() {
    let mut w = World::new();
    let by_writer = w.say(WRITER, given(1, 2026, 2027));
    let upside_down = w.say(APPROVER, given(2, 2027, 2026));
    let access = w.say(APPROVER, given(3, 2026, 2027));
    let too_early = w.say(APPROVER, ended(access + 1, 4));
    let not_theirs = w.say(TESTER, ended(access, 5));
    let over = w.say(APPROVER, ended(access, 6));
    let twice = w.say(APPROVER, ended(access, 7));
    for (n, expected) in [
        (by_writer, WRONG_ROLE),
        (upside_down, IMPOSSIBLE),
        (access, None),
        (too_early, IMPOSSIBLE),
        (not_theirs, WRONG_ROLE),
        (over, None),
        (twice, IMPOSSIBLE),
    ] {
        assert_eq!(why(&w, n), expected, "entry {n}");
    }
    let state = w.state();
    assert_eq!((state.accesses.len(), state.open_accesses().count()), (1, 0));
    assert!(!state.accesses[0].is_overdue(date(2030, 1, 1)), "it ended");
}

#[test]
fn an_access_is_overdue_when_its_last_day_has_passed_and_may_be_for_one_day() {
    let mut w = World::new();
    w.say(APPROVER, given(1, 2026, 2026));
    assert_eq!(w.void(), None, "one day");
    w.say(WRITER, page(2, 5, 5));
    assert_eq!(w.void(), None, "one line");
    let access = &w.state().accesses[0];
    let overdue = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 2)].map(|today| access.is_overdue(today));
    assert_eq!(overdue, [false, false, true]);
}

#[test]
fn the_notes_of_evidence_are_needed_for_seven_years_and_then_may_go() {
    let mut w = World::new();
    for key in [WRITER, TESTER, PRUNER] {
        let n = w.say(key, page(key, 0, 9));
        assert_eq!(why(&w, n), None, "every machine keeps a journal");
    }
    let backwards = w.say(WRITER, page(9, 9, 0));
    assert_eq!(why(&w, backwards), IMPOSSIBLE);
    let open = w.say(APPROVER, given(20, 2026, 2027));
    let over = w.say(APPROVER, given(21, 2026, 2027));
    w.say(APPROVER, ended(over, 22));
    let state = w.state();
    let all: Vec<NoteName> = [WRITER, TESTER, PRUNER, 20, 21, 22].map(note).to_vec();
    assert!(all.iter().all(|n| state.needed_notes().contains(n)) && state.old_evidence(Timestamp::MAX).is_empty());
    assert!(!state.needed_notes().contains(&note(9)));
    // An entry of seven years later, whatever it says.
    let last = w.slots.last().unwrap().body.as_ref().unwrap().time;
    let n = w.say(TESTER, Entry::Restored { snapshot: None, files: 0, bytes: 0 });
    let late = |w: &mut World, wait: SignedDuration| {
        w.slots[n as usize].body.as_mut().unwrap().time = last + wait;
        w.state()
    };
    let state = late(&mut w, EVIDENCE_KEPT);
    assert!(state.needed_notes().contains(&note(22)), "not a second early");
    let state = late(&mut w, EVIDENCE_KEPT + SignedDuration::from_hours(24 * 366 * 50));
    let needed = state.needed_notes();
    assert_eq!(needed.into_iter().collect::<Vec<_>>(), [note(20)], "what is open is needed for ever: {open}");
    assert_eq!(state.old_evidence(Timestamp::MAX).len(), 5);
    // By a clock that has not come so far, all of it must be there: one entry's date excuses nothing.
    assert!(all.iter().all(|n| state.expected_notes(last).contains(n)) && state.old_evidence(last).is_empty());
    // Another entry names an old note, too, and still needs it.
    w.say(APPROVER, given(PRUNER, 2026, 2027));
    let state = late(&mut w, EVIDENCE_KEPT + SignedDuration::from_hours(24 * 366 * 50));
    assert!(!state.old_evidence(Timestamp::MAX).contains(&note(PRUNER)));
    assert_eq!(state.old_evidence(Timestamp::MAX).len(), 4);
}
