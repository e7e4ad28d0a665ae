//! What the store refuses, and where a run dies: the run fails in words, the log claims nothing that is not there, and the
//! next run gets everything in.

use crate::domain::problem::Exit;
use crate::ops::verify::fixture::Council;
use crate::testing::{Fault, Plan};

fn council() -> Council {
    let c = Council::new();
    c.write("minutes.txt", "resolved");
    c.write("plan.bin", Council::noise(1, 200_000));
    c
}

/// Every pack and index that the log says is stored lies in the store, with its size.
fn assert_nothing_is_claimed(c: &Council, why: &str) {
    let repo = c.open();
    let names = c.objects();
    for pack in repo.state().packs.iter().map(|p| p.pack) {
        let key = crate::repo::layout::Key::Pack(pack.name);
        assert!(names.contains(&key.to_string()), "{why}: the log claims {key}, which is not there");
        assert_eq!(repo.store.get(&key).unwrap().len() as u64, pack.size, "{why}");
    }
    for index in &repo.state().indexes {
        let key = crate::repo::layout::Key::Index(index.index.name);
        assert!(names.contains(&key.to_string()), "{why}: the log claims {key}, which is not there");
    }
}

#[test]
fn what_the_store_refuses_for_good_fails_the_run_and_is_never_claimed() {
    for earlier in [0, 1] {
        for folder in ["packs/", "index/", "log/"] {
            for fault in [Fault::FailBefore, Fault::Conflict] {
                let why = format!("{folder} with {fault:?} after {earlier} backups");
                let c = council();
                (0..earlier).for_each(|_| drop(c.backup()));
                let before = c.everything();
                c.write("new.bin", Council::noise(2, 100_000));
                c.faults.restart(Plan::within(folder, fault));
                let failed = c.try_backup().expect_err(&why);
                assert!(failed.exit() != Exit::Done && failed.exit() != Exit::Incomplete, "{why}: {failed}");
                assert!(!c.faults.injected().is_empty(), "{why}");
                c.faults.restart(Plan::none());
                assert_nothing_is_claimed(&c, &why);
                assert_eq!(c.everything(), before, "{why}: what was there is there, and no more");
                c.backup();
                assert_nothing_is_claimed(&c, &why);
                assert_eq!(c.everything().len(), before.len() + 1, "{why}");
            }
        }
    }
}

#[test]
fn a_run_that_died_anywhere_leaves_nothing_claimed_that_is_not_there() {
    let calls = {
        let c = council();
        c.faults.restart(Plan::none());
        c.backup();
        c.faults.calls()
    };
    let mut died = 0;
    for call in 0..calls {
        for fault in [Fault::StopBefore, Fault::StopAfter] {
            let (c, why) = (council(), format!("{fault:?} at call {call} of {calls}"));
            c.faults.restart(Plan::at(call, fault));
            died += usize::from(c.try_backup().is_err());
            c.faults.restart(Plan::none());
            assert_nothing_is_claimed(&c, &why);
            c.backup();
            assert_nothing_is_claimed(&c, &why);
            c.everything();
        }
    }
    assert!(died * 4 > calls * 6, "most of these must hurt: {died} of {}", calls * 2);
}
