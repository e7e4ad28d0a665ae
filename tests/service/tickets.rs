//! What becomes of one cause, told night by night: reminders, worse news, endings.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use strongroom::service::causes::{Decision, Evidence, decide};
use strongroom::service::history::{Finished, fold};
use strongroom::service::journal::{Event, JournalEntry, Step};
use strongroom::service::words::{JobKind, NoticeKind, Opened, Outcome, Role, SetName, Trouble, Why};

use crate::causes::{DEPUTY_AFTER, Life, ROLES, step};
use crate::support::{at, set};

fn decide_one(journal: &[JournalEntry], steps: Vec<Step>, sets: &[SetName], now: Timestamp) -> Decision {
    let steps: Vec<Finished> = steps.into_iter().map(|step| Finished { at: now, step }).collect();
    let state = fold(journal);
    let zone = &TimeZone::UTC;
    decide(&Evidence { state: &state, steps: &steps, sets, roles: &ROLES, deputy_after: None, now, zone })
}

#[test]
fn a_worse_cause_on_the_same_ticket_is_told_at_once() {
    let down = Some(Trouble::Failed(Why::StoreUnreachable));
    let mut life = Life { journal: Vec::new(), now: at("2026-11-22T02:30:00Z"), sent: Vec::new() };
    let sets = [set("documents")];
    life.carry_out(decide_one(&[], vec![step(JobKind::Verify, None, down, false)], &sets, life.now), None);
    life.now += SignedDuration::from_hours(1);
    let backup = step(JobKind::Backup, Some(set("documents")), down, false);
    let decision = decide_one(&life.journal, vec![backup.clone()], &sets, life.now);
    assert_eq!(decision.notices[0].kind, NoticeKind::Failure);
    assert_eq!(decision.notices[0].lead.job, JobKind::Backup);
    assert_eq!(decision.notices[0].reference, life.sent[0].4);
    life.carry_out(decision, None);
    assert!(decide_one(&life.journal, vec![backup], &sets, life.now).notices.is_empty());
}

#[test]
fn what_does_not_open_is_told_by_its_number_and_closed_only_by_who_looked() {
    let mut life = Life { journal: Vec::new(), now: at("2026-11-22T02:30:00Z"), sent: Vec::new() };
    let opened = Opened { damaged: 2, ..Opened::default() };
    let mut spoiled = step(JobKind::Verify, None, Some(Trouble::Spoiled), false);
    spoiled.counts.opening = Some(opened);
    life.note(Event::StepFinished(spoiled.clone()));
    let decision = decide_one(&life.journal, vec![spoiled], &[], life.now);
    assert_eq!(decision.notices[0].counts.opening, Some(opened));
    life.carry_out(decision, None);
    // Another examination that went well says nothing about it.
    let mut well = step(JobKind::Verify, None, None, true);
    life.now += SignedDuration::from_hours(1);
    assert!(decide_one(&life.journal, vec![well.clone()], &[], life.now).closed.is_empty());
    well.counts.opening = Some(Opened { sound: 3, ..Opened::default() });
    assert!(!decide_one(&life.journal, vec![well], &[], life.now).closed.is_empty());
}

#[test]
fn a_set_taken_out_of_the_configuration_is_said_to_be() {
    let gone = step(JobKind::Backup, Some(set("email")), Some(Trouble::Failed(Why::SourceMissing)), false);
    let mut life = Life { journal: Vec::new(), now: at("2026-11-22T02:30:00Z"), sent: Vec::new() };
    life.carry_out(decide_one(&[], vec![gone], &[set("documents"), set("email")], life.now), None);
    let decision = decide_one(&life.journal, Vec::new(), &[set("documents")], life.now);
    assert!(decision.notices.iter().all(|n| n.kind == NoticeKind::NotConfigured) && decision.notices.len() == 2);
}

#[test]
fn an_overdue_drill_is_told_reminded_of_weekly_and_closed_when_it_was_made() {
    let day = SignedDuration::from_hours(24);
    let mut life = Life { journal: Vec::new(), now: at("2026-11-22T02:30:00Z"), sent: Vec::new() };
    // The look itself is done; what it found is what is wrong.
    let drills = |troubles: &[Trouble]| Step {
        outcome: Outcome::Done,
        troubles: troubles.to_vec(),
        ..step(JobKind::Drills, None, None, false)
    };
    let late = drills(&[Trouble::WholeOverdue, Trouble::KeysOverdue]);
    life.note(Event::StepFinished(late.clone()));
    let decision = decide_one(&life.journal, vec![late.clone()], &[], life.now);
    assert_eq!((decision.opened.len(), decision.notices.len()), (2, 4), "two references, clerk and provider");
    life.carry_out(decision, None);
    assert!(fold(&life.journal).last_good.is_empty(), "a look that found something late is no success");
    for _ in 0..6 {
        life.now += day;
        assert!(decide_one(&life.journal, vec![late.clone()], &[], life.now).notices.is_empty());
    }
    life.now += day;
    let decision = decide_one(&life.journal, vec![late], &[], life.now);
    assert!(decision.notices.len() == 4 && decision.notices.iter().all(|n| n.kind == NoticeKind::Reminder));
    life.carry_out(decision, None);
    // One of the two was made.
    let decision = decide_one(&life.journal, vec![drills(&[Trouble::KeysOverdue])], &[], life.now);
    assert_eq!((decision.closed.len(), decision.notices.len()), (1, 2));
    assert!(decision.notices.iter().all(|n| n.kind == NoticeKind::WorkingAgain));
    assert!(decision.notices.iter().all(|n| n.lead.trouble == Trouble::WholeOverdue));
    life.carry_out(decision, None);
    let decision = decide_one(&life.journal, vec![drills(&[])], &[], life.now);
    assert_eq!((decision.closed.len(), decision.notices.len()), (1, 2));
}

/// A life of one journal: each run notes its step, decides and carries it out.
fn goes_on(life: &mut Life, step: Step) -> Decision {
    life.now += SignedDuration::from_hours(24);
    life.note(Event::StepFinished(step.clone()));
    let decision = decide_one(&life.journal, vec![step], &[], life.now);
    life.carry_out(decision.clone(), None);
    decision
}

fn life() -> Life {
    Life { journal: Vec::new(), now: at("2026-11-22T02:30:00Z"), sent: Vec::new() }
}

#[test]
fn a_rotten_live_file_is_told_by_number_until_every_file_was_read_again() {
    let mut life = life();
    let mut rotten = step(JobKind::Verify, None, Some(Trouble::LiveDiffers), true);
    (rotten.outcome, rotten.counts.differing) = (Outcome::Incomplete, 2);
    let first = life.now + SignedDuration::from_hours(24);
    assert_eq!(goes_on(&mut life, rotten).notices[0].kind, NoticeKind::Failure);
    // Neither a good sample, nor one of all that is stored, nor other findings: the file is still rotten.
    let spoiled = step(JobKind::Verify, None, Some(Trouble::Spoiled), true);
    for other in [step(JobKind::Verify, None, None, false), step(JobKind::Verify, None, None, true), spoiled] {
        let decision = goes_on(&mut life, other);
        let told = decision.notices.iter().find(|n| n.lead.trouble == Trouble::LiveDiffers).unwrap();
        assert_eq!((told.kind, told.counts.differing, told.found), (NoticeKind::Reminder, 2, first));
        assert!(decision.closed.is_empty());
    }
    let mut all = step(JobKind::Verify, None, None, true);
    all.counts.all_live = true;
    assert_eq!(goes_on(&mut life, all).closed.len(), 1);
}

#[test]
fn what_was_put_right_is_told_once_and_closed_by_the_next_look() {
    let mut life = life();
    let mut right = step(JobKind::Verify, None, Some(Trouble::PutRight), false);
    (right.outcome, right.counts.looked_around) = (Outcome::Damage, true);
    assert_eq!(goes_on(&mut life, right.clone()).notices[0].kind, NoticeKind::Failure);
    // A test that does not look at key files says nothing of them, and nobody is told again of what is right.
    let decision = goes_on(&mut life, step(JobKind::Verify, None, None, true));
    assert!(decision.notices.is_empty() && decision.closed.is_empty());
    let again = goes_on(&mut life, right);
    assert!(again.closed.is_empty() && again.notices.iter().all(|n| n.kind == NoticeKind::Reminder));
    assert!(!again.notices.is_empty());
    let mut look = step(JobKind::Verify, None, None, false);
    look.counts.looked_around = true;
    let decision = goes_on(&mut life, look);
    assert_eq!(decision.closed.len(), 1);
    assert!(decision.notices.iter().all(|n| n.kind == NoticeKind::WorkingAgain));
}

#[test]
fn damage_is_reminded_of_with_what_was_found_and_closed_with_what_was_lost() {
    let mut life = life();
    let mut damage = step(JobKind::Backup, None, Some(Trouble::Damage), false);
    damage.counts.problems = 3;
    let first = life.now + SignedDuration::from_hours(24);
    goes_on(&mut life, damage);
    let reminder = goes_on(&mut life, step(JobKind::Backup, None, None, false)).notices.remove(0);
    assert_eq!((reminder.kind, reminder.counts.problems, reminder.found), (NoticeKind::Reminder, 3, first));
    // The backup met it, the test knows what was accepted: of a listing nobody can say how many records it was.
    let mut whole = step(JobKind::Verify, None, None, true);
    whole.counts.accepted = true;
    let over = goes_on(&mut life, whole).notices.remove(0);
    assert_eq!((over.kind, over.counts.accepted), (NoticeKind::WorkingAgain, true));
}

#[test]
fn that_everything_is_overdue_is_no_evidence_of_a_rehearsal_of_a_part() {
    let mut life = life();
    let of = |trouble| Step { outcome: Outcome::Done, ..step(JobKind::Drills, None, trouble, false) };
    goes_on(&mut life, of(Some(Trouble::SampleOverdue)));
    let decision = goes_on(&mut life, of(Some(Trouble::WholeOverdue)));
    assert!(decision.closed.is_empty() && decision.notices.iter().all(|n| n.kind == NoticeKind::Failure));
    assert_eq!(goes_on(&mut life, of(None)).closed.len(), 2);
}

#[test]
fn a_failure_that_changes_its_kind_keeps_its_reference_its_first_day_and_its_one_ending() {
    let documents = [set("documents")];
    let failed = |why| step(JobKind::Backup, Some(set("documents")), Some(Trouble::Failed(why)), false);
    let mut life = life();
    let mut night = |step: Step| {
        life.now += SignedDuration::from_hours(24);
        life.note(Event::StepFinished(step.clone()));
        let steps = vec![Finished { at: life.now, step }];
        let (state, zone, roles, now) = (fold(&life.journal), &TimeZone::UTC, &ROLES, life.now);
        let deputy_after = Some(DEPUTY_AFTER);
        let decision =
            decide(&Evidence { state: &state, steps: &steps, sets: &documents, roles, deputy_after, now, zone });
        life.carry_out(decision.clone(), None);
        decision
    };
    let first = night(failed(Why::SourceMissing)).notices[0].reference.clone();
    for why in [Why::SourceEmpty, Why::SourceEmpty] {
        let told = night(failed(why)).notices;
        assert!(told.iter().all(|n| (&n.reference, n.kind) == (&first, NoticeKind::Reminder)), "{told:?}");
        assert!(told.len() == 2 && told.iter().all(|n| n.lead.trouble == Trouble::Failed(why) && n.sets.len() == 1));
    }
    // The fourth night, the store too is away: another reference, and the deputy hears of both from the first day on.
    let told = night(failed(Why::StoreUnreachable)).notices;
    assert!(told.iter().any(|n| n.to == Role::Deputy && n.reference != first), "{told:?}");
    let fine = step(JobKind::Backup, Some(set("documents")), None, false);
    let over = night(fine).notices;
    let endings = over.iter().filter(|n| n.reference == first && n.to == Role::Clerk).count();
    assert!(endings == 1 && over.iter().all(|n| n.kind == NoticeKind::WorkingAgain), "{over:?}");
}
