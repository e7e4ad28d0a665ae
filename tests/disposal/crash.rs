//! Dying at every call to the store, before and after it takes effect, and going on.

use strongroom::ops::retention::disposals::Stage;
use strongroom::testing::{Fault, Plan};

use super::town::{SECRET, Town, town_with_secret, without};

/// Every file but the record must be as it was, wherever it stopped.
fn nothing_lost(town: &Town, before: &super::town::Everything, why: &str) {
    let now = town.everything();
    for (key, bytes) in without(before, &[SECRET]) {
        assert!(now.get(&key) == Some(&bytes), "{why}: {key:?} is lost or changed");
    }
}

#[test]
fn stopped_at_any_call_it_loses_nothing_else_and_ends_in_the_same_state() {
    let began = std::time::Instant::now();
    let (town, markers) = town_with_secret();
    let before = town.everything();
    let expected = without(&before, &[SECRET]);
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    let calls = {
        let reference = town.fork();
        reference.faults.restart(Plan::none());
        reference.apply_now(approval).unwrap();
        reference.faults.calls()
    };
    let mut died = 0;
    for call in 0..calls {
        for fault in [Fault::StopBefore, Fault::StopAfter] {
            let why = format!("{fault:?} at call {call} of {calls}");
            let town = town.fork();
            town.faults.restart(Plan::at(call, fault));
            let outcome = town.apply_now(approval);
            died += usize::from(outcome.is_err());
            town.faults.restart(Plan::none());
            nothing_lost(&town, &before, &why);
            let report = town.apply_now(approval).unwrap_or_else(|e| panic!("{why}: the next run failed: {e}"));
            assert_eq!(report.stage, Stage::Done, "{why}");
            town.assert_nowhere(&markers, &why);
            assert_eq!(town.everything(), expected, "{why}");
            assert!(town.open().state().voids.is_empty(), "{why}");
        }
    }
    assert!(died * 2 > calls * 3, "most of these must hurt: {died} of {}", calls * 2);
    println!("{} crash points over {calls} calls, {} s", calls * 2, began.elapsed().as_secs());
}
