//! Breadth-first search of every reachable state, and the shortest way to a violation.

use super::Rules;
use super::state::{Object, State, Step};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::fmt::Write as _;

/// What a complete search saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Survey {
    pub states: usize,
    pub transitions: usize,
    /// States in which the garbage of the beginning is deleted.
    pub reclaimed: usize,
    /// Those of them in which every writer has committed too.
    pub reclaimed_with_all_snapshots: usize,
    /// States in which a snapshot rescued a condemned pack.
    pub rescued: usize,
}

/// A way into a state that must not be.
#[derive(Debug)]
pub struct Violation {
    pub steps: Vec<Step>,
}

impl Violation {
    pub fn in_words(&self) -> String {
        let mut words = String::new();
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(words, "{:>3}. {step}", number + 1).unwrap();
        }
        words
    }
}

/// How each state was first reached: the number of the state before it, and the step.
type Origins = Vec<Option<(usize, Step)>>;

/// Visits every state that can be reached. Stops at the first violation.
pub fn search(rules: &Rules) -> Result<Survey, Violation> {
    let mut numbers: HashMap<State, usize> = HashMap::new();
    let mut states = vec![State::start()];
    let mut origins: Origins = vec![None];
    numbers.insert(states[0], 0);
    let mut survey = Survey::default();
    let mut next = Vec::new();
    let mut visited = 0;
    while visited < states.len() {
        let state = states[visited];
        survey.note(&state, rules);
        next.clear();
        state.successors(rules, &mut next);
        survey.transitions += next.len();
        for (step, then) in next.drain(..) {
            if then.snapshot_lost() || then.entry_changed(&state) {
                return Err(Violation { steps: way_to(&origins, visited, step) });
            }
            if let Place::Vacant(place) = numbers.entry(then) {
                place.insert(states.len());
                states.push(then);
                origins.push(Some((visited, step)));
            }
        }
        visited += 1;
    }
    survey.states = states.len();
    Ok(survey)
}

impl Survey {
    fn note(&mut self, state: &State, rules: &Rules) {
        if state.object(0) == Object::Deleted {
            self.reclaimed += 1;
            if state.snapshots() == rules.bounds.writers {
                self.reclaimed_with_all_snapshots += 1;
            }
        }
        if state.rescued() {
            self.rescued += 1;
        }
    }
}

fn way_to(origins: &Origins, mut state: usize, last: Step) -> Vec<Step> {
    let mut steps = vec![last];
    while let Some((before, step)) = origins[state] {
        steps.push(step);
        state = before;
    }
    steps.reverse();
    steps
}
