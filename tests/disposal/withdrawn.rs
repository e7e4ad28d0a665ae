//! Between withdrawal and destruction: not shown, not restored, and still to be had back.

use std::path::Path;

use strongroom::domain::path::RecordPath;
use strongroom::domain::pattern::Pattern;
use strongroom::ops::query::{View, Which, diff, history};
use strongroom::ops::restore::{RestoreOptions, Selected, cat, plan};
use strongroom::ops::retention::approve::cancel;
use strongroom::ops::retention::disposals::Stage;
use strongroom::ops::{OpsError, Silent, Stop};

use super::town::{SECRET, Town, town_with_secret};

/// In how many ways the record can be seen.
fn ways(town: &Town) -> Vec<&'static str> {
    let mut repo = town.open();
    let path = RecordPath::new(SECRET).unwrap();
    let ids: Vec<_> = repo.state().live_snapshots().map(|s| s.id).collect();
    let mut seen = vec![];
    if !history(&mut repo, &path).unwrap().is_empty() {
        seen.push("history");
    }
    for which in [Which::default(), Which { snapshot: Some(ids[0]), ..Which::default() }] {
        let old = which.snapshot.is_some();
        if cat(&mut repo, &path, &which, &mut std::io::sink(), &Stop::default()).is_ok() {
            seen.push(if old { "cat of an old snapshot" } else { "cat" });
        }
        let mut view = View::open(&mut repo, &which).unwrap();
        if view.find(&Pattern::new("secret"), &mut |_| Ok(())).unwrap() > 0 {
            seen.push(if old { "find in an old snapshot" } else { "find" });
        }
        let mut listed = 0;
        view.ls(None, true, &mut |hit| {
            listed += u64::from(hit.path == path);
            Ok(())
        })
        .unwrap();
        if listed > 0 {
            seen.push(if old { "ls of an old snapshot" } else { "ls" });
        }
    }
    let mut changes = 0;
    diff(&mut repo, ids[1], ids[2], &mut |change| {
        changes += u64::from(change.path == path);
        Ok(())
    })
    .unwrap();
    if changes > 0 {
        seen.push("diff");
    }
    for selected in [Selected::Within(path.clone()), Selected::Fits(Pattern::new("secret")), Selected::All] {
        let options = RestoreOptions {
            selection: vec![selected],
            include_deleted: true,
            ..RestoreOptions::everything(town.tmp.path().join("nowhere"))
        };
        match plan(&mut repo, &options, &Silent, &Stop::default()) {
            Ok(plan) if plan.items().any(|i| *i.path == path) => seen.push("restore"),
            Ok(_) | Err(OpsError::NotFound(_)) => {}
            Err(e) => panic!("{e}"),
        }
    }
    seen
}

#[test]
fn a_withdrawn_record_is_shown_nowhere_until_it_is_cancelled() {
    let (town, markers) = town_with_secret();
    let all = ways(&town);
    assert_eq!(all.len(), 11, "every way is tried: {all:?}");
    let before = town.everything();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    assert_eq!(ways(&town), all, "an approval alone hides nothing");
    let report = town.apply(approval).unwrap();
    let Stage::Withdrawn { since, deleted_from } = report.stage else { panic!("{report:?}") };
    assert_eq!(deleted_from.duration_since(since).as_hours(), 14 * 24);
    assert_eq!(ways(&town), Vec::<&str>::new());
    assert!(town.is_anywhere(&markers[0]), "it is still there");
    town.test();
    town.backup();
    assert_eq!(ways(&town), Vec::<&str>::new(), "after a backup in between");
    town.clock.advance_days(13);
    assert!(matches!(town.apply(approval).unwrap().stage, Stage::Withdrawn { .. }), "one day too early");
    cancel(&mut town.open(), &approval.to_string(), "A. Clerk", "a request came in").unwrap();
    assert_eq!(ways(&town), all);
    town.clock.advance_days(2);
    let error = town.apply(approval).unwrap_err();
    assert!(error.to_string().contains("was cancelled; approve it again"), "{error}");
    assert!(before.iter().all(|(k, v)| town.everything().get(k) == Some(v)));
}

#[test]
fn the_window_passes_and_then_there_is_no_way_back() {
    let (town, markers) = town_with_secret();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    town.apply(approval).unwrap();
    let error = town.apply_now(approval).unwrap_err();
    assert!(error.to_string().contains("that cannot be taken away"), "{error}");
    for night in 0..8 {
        town.clock.advance_days(2);
        town.write("minutes.txt", format!("night {night}"));
        town.backup();
    }
    let error = town.apply(approval).unwrap_err();
    assert!(error.to_string().contains("no restore of the newest backup"), "{error}");
    town.test();
    let report = town.apply(approval).unwrap();
    assert_eq!(report.stage, Stage::Done);
    let error = cancel(&mut town.open(), &approval.to_string(), "A. Clerk", "too late").unwrap_err();
    assert!(matches!(error, OpsError::InTheWay(_)), "{error}");
    town.assert_nowhere(&markers, "after the window");
}

#[test]
fn a_clock_that_jumps_ahead_does_not_end_the_window() {
    let (town, markers) = town_with_secret();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    town.apply(approval).unwrap();
    town.clock.advance_days(3_650);
    let refused = |shown: &str| {
        let error = town.apply(approval).unwrap_err();
        assert!(error.to_string().contains(&format!("the log shows {shown} days for certain, not 14")), "{error}");
    };
    refused("0");
    // As many nights as any rule that counts days may want, and two weeks are not over.
    for night in 0..12 {
        town.clock.advance_days(1);
        town.write("minutes.txt", format!("night {night} after the jump"));
        town.backup();
    }
    town.test();
    refused("10");
    assert!(town.is_anywhere(&markers[0]));
    let report = town.apply_with(approval, |o| o.person = true).unwrap();
    assert_eq!(report.stage, Stage::Done, "a person has looked at the date");
}

#[test]
fn while_the_date_is_in_doubt_a_person_withdraws_and_nobody_else() {
    let (town, _) = town_with_secret();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    town.clock.advance_days(3_650);
    town.write("minutes.txt", "after the leap");
    town.backup();
    town.test();
    for urgent in [None, Some("an order".to_owned())] {
        let error = town.apply_with(approval, |o| o.urgent = urgent).unwrap_err();
        assert_eq!(error.exit(), strongroom::domain::problem::Exit::Refused);
        assert!(error.to_string().starts_with("is it really "), "{error}");
        assert!(error.to_string().contains("retention apply PLAN --yes"), "{error}");
    }
    let report = town.apply_with(approval, |o| o.person = true).unwrap();
    assert!(matches!(report.stage, Stage::Withdrawn { .. }), "{report:?}");
    // Where the store has a clock that agrees, that one is asked and no person.
    let (mut town, _) = town_with_secret();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    town.own_clock = true;
    assert!(matches!(town.apply(approval).unwrap().stage, Stage::Withdrawn { .. }));
}

#[test]
fn an_office_that_runs_weekly_needs_nobody() {
    let (town, markers) = town_with_secret();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    town.apply(approval).unwrap();
    let mut weeks = 0;
    loop {
        weeks += 1;
        town.clock.advance_days(7);
        town.write("minutes.txt", format!("week {weeks}"));
        town.backup();
        town.test();
        match town.apply(approval) {
            Ok(report) if report.stage == Stage::Done => break,
            Ok(report) => assert!(weeks < 2 && matches!(report.stage, Stage::Withdrawn { .. }), "{report:?}"),
            Err(error) => assert!(weeks < 4 && error.to_string().contains("for certain"), "{weeks}: {error}"),
        }
    }
    assert!(weeks >= 2, "never early");
    town.assert_nowhere(&markers, "after some weeks");
}

#[test]
fn cancelling_after_listings_were_written_is_refused() {
    let (town, _) = town_with_secret();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    // It dies right after the entry that writes the listings anew.
    let relisted = |town: &Town| {
        let repo = town.open();
        repo.state().disposal(approval).unwrap().relisted_at.is_some()
            && repo.state().disposal(approval).unwrap().is_open()
    };
    let mut call = 0;
    let town = loop {
        let fork = town.fork();
        fork.faults.restart(strongroom::testing::Plan::at(call, strongroom::testing::Fault::StopAfter));
        let died = fork.apply_now(approval).is_err();
        fork.faults.restart(strongroom::testing::Plan::none());
        assert!(died, "it never came to that point");
        if relisted(&fork) {
            break fork;
        }
        call += 1;
    };
    let error = cancel(&mut town.open(), &approval.to_string(), "A. Clerk", "too late").unwrap_err();
    assert!(error.to_string().contains("too far gone"), "{error}");
    assert_eq!(town.apply_now(approval).unwrap().stage, Stage::Done);
}

#[test]
fn a_disposed_record_that_comes_back_is_told_and_kept() {
    let (town, _) = town_with_secret();
    let content = std::fs::read(town.docs().join("plan.bin")).unwrap();
    town.remove("plan.bin");
    town.backup();
    town.test();
    let (approval, _) = town.approve(&town.plan(&["Documents/plan.bin"]));
    town.apply_now(approval).unwrap();
    assert!(!town.is_anywhere(&content[500..540]));
    town.write("plan.bin", &content);
    let report = town.try_backup().unwrap();
    assert_eq!((report.reappeared, report.problems.len()), (1, 0), "told, and the snapshot is whole");
    assert!(town.is_anywhere(&content[500..540]), "it is kept");
    let mut out = vec![];
    let path = RecordPath::new("Documents/plan.bin").unwrap();
    cat(&mut town.open(), &path, &Which::default(), &mut out, &Stop::default()).unwrap();
    assert_eq!(out, content);
    // Another document of the same name is a new record and nothing to tell of.
    town.write("plan.bin", "another plan");
    assert_eq!(town.try_backup().unwrap().reappeared, 0);
    town.remove("plan.bin");
    town.backup();
    assert_eq!(history(&mut town.open(), &path).unwrap().len(), 2, "both new versions are remembered");
    assert!(!Path::new(&town.docs().join("plan.bin")).exists());
}

#[test]
fn an_older_version_that_comes_back_is_known_again() {
    let (town, _) = town_with_secret();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    town.apply_now(approval).unwrap();
    for (version, known) in [(1, 1), (2, 1), (9, 0)] {
        // Of both versions it ever had, and of none.
        let size = if version == 1 { 150_000 } else { 220_000 };
        town.write("HR/secret.bin", super::town::noise(version, size));
        assert_eq!(town.try_backup().unwrap().reappeared, known, "version {version}");
    }
}
