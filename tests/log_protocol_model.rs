//! The log protocol, checked in every reachable state of a small world; and every rule of it left out once,
//! to show that the search would notice. The rules are those the real code follows (`repo`, `ops::prune`).

// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod model;

use model::search::{Survey, search};
use model::{Bounds, Mistake, Rules};

const TWO_WRITERS: Bounds = Bounds { writers: 2, pruners: 1, slots: 6 };
const TWO_PRUNERS: Bounds = Bounds { writers: 1, pruners: 2, slots: 6 };

/// Searches completely and fails with the shortest way to a violation.
fn no_violation(bounds: Bounds, mistake: Option<Mistake>) -> Survey {
    let survey = search(&Rules { bounds, mistake }).unwrap_or_else(|violation| panic!("{}", violation.in_words()));
    println!("{bounds:?}: {survey:?}");
    survey
}

/// Searches the worlds in turn until the mistake shows, and returns the way there in words.
fn found(mistake: Mistake) -> String {
    for bounds in [TWO_WRITERS, TWO_PRUNERS] {
        if let Err(violation) = search(&Rules { bounds, mistake: Some(mistake) }) {
            let words = violation.in_words();
            println!("{mistake:?} with {bounds:?}:\n{words}");
            assert!((2..=20).contains(&violation.steps.len()), "a shortest way of odd length:\n{words}");
            return words;
        }
    }
    panic!("{mistake:?} was not noticed in any world");
}

/// A search that reaches nothing interesting would pass too, so the goals are asserted.
fn goals_reached(survey: &Survey) {
    assert!(survey.reclaimed > 0, "garbage is never reclaimed: {survey:?}");
    assert!(survey.reclaimed_with_all_snapshots > 0, "never reclaimed with every snapshot committed: {survey:?}");
    assert!(survey.rescued > 0, "no condemned pack is ever rescued: {survey:?}");
}

#[test]
fn two_writers_and_a_pruner_lose_nothing_in_any_order() {
    let survey = no_violation(TWO_WRITERS, None);
    goals_reached(&survey);
    assert_eq!(survey.states, 476_638, "the model changed: say why where the figure is recorded");
}

#[test]
fn a_writer_and_two_pruners_lose_nothing_in_any_order() {
    let survey = no_violation(TWO_PRUNERS, None);
    goals_reached(&survey);
    assert_eq!(survey.states, 247_902, "the model changed: say why where the figure is recorded");
}

#[test]
fn abandoning_a_session_is_a_courtesy_and_carries_no_weight() {
    goals_reached(&no_violation(TWO_WRITERS, Some(Mistake::WriterIgnoresAbandoned)));
}

#[test]
fn a_store_that_ignores_the_precondition_is_noticed() {
    assert!(found(Mistake::StoreIgnoresPrecondition).contains("[slot 0]"));
}

#[test]
fn a_writer_that_takes_the_next_slot_is_noticed() {
    assert!(found(Mistake::WriterTakesNextSlot).contains("loses its slot"));
}

#[test]
fn a_writer_that_ignores_sweeps_is_noticed() {
    assert!(found(Mistake::WriterIgnoresSwept).contains("sweeps"));
}

#[test]
fn a_swept_name_used_again_is_noticed() {
    assert!(found(Mistake::SweptNameReused).contains("p0"));
}

#[test]
fn a_sweeper_that_takes_the_next_slot_is_noticed() {
    assert!(found(Mistake::SweeperTakesNextSlot).contains("loses its slot"));
}

#[test]
fn deleting_before_the_sweep_is_recorded_is_noticed() {
    assert!(!found(Mistake::DeleteBeforeSwept).contains("sweeps ["));
}

#[test]
fn deleting_on_condemnation_is_noticed() {
    assert!(found(Mistake::DeleteOnCondemn).contains("condemns"));
}

#[test]
fn a_rescue_that_is_ignored_is_noticed() {
    assert!(found(Mistake::RescueIgnored).contains("sweeps"));
}

#[test]
fn orphans_deleted_without_the_log_are_noticed() {
    assert!(found(Mistake::OrphansDeletedDirectly).contains("does not know"));
}

#[test]
fn a_sweep_from_memory_is_noticed() {
    assert!(found(Mistake::SweepFromMemory).contains("sweeps"));
}
