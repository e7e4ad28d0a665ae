//! Backups at work while records are destroyed, and machines that cannot read.

use strongroom::domain::log::Role;
use strongroom::ops::backup::backup;
use strongroom::ops::recover::enrol;
use strongroom::ops::retention::disposals::Stage;
use strongroom::ops::{Silent, Stop};
use strongroom::repo::machine::{Machine, StateDir};
use strongroom::repo::repository::Repository;

use super::town::{SECRET, noise, stretches, town_with_secret, without};

#[test]
fn a_backup_at_work_neither_brings_it_back_nor_loses_anything() {
    let (town, markers) = town_with_secret();
    let expected = without(&town.everything(), &[SECRET]);
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    // It has read the log, and its index still knows all that is going to be deleted.
    let mut slow = Repository::open(town.store(), town.dir(), town.env.clone()).unwrap();
    slow.index().unwrap();
    assert_eq!(town.apply_now(approval).unwrap().stage, Stage::Done);
    town.write("new.bin", noise(20, 60_000));
    backup(&mut slow, &town.options(), &Silent, &Stop::default()).unwrap();
    town.assert_nowhere(&markers, "after a slow backup");
    let now = town.everything();
    assert!(expected.iter().all(|(k, v)| now.get(k) == Some(v)));
    assert!(now.keys().all(|(_, _, path)| path != SECRET));
    assert!(town.open().state().voids.is_empty());
}

#[test]
fn a_backup_between_the_steps_is_looked_at_as_well() {
    let (town, markers) = town_with_secret();
    let expected = without(&town.everything(), &[SECRET]);
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    // Every time it is asked once more, another backup has committed.
    let count = std::cell::Cell::new(0);
    let busy = |_: &mut Repository| {
        if count.get() < 4 {
            count.set(count.get() + 1);
            town.write("minutes.txt", format!("busy night {}", count.get()));
            town.try_backup()?;
        }
        Ok(())
    };
    let report = town.apply_with(approval, |o| {
        o.urgent = Some("an order".into());
        o.recheck = &busy;
    });
    assert_eq!(report.unwrap().stage, Stage::Done);
    assert_eq!(count.get(), 4);
    town.assert_nowhere(&markers, "after busy nights");
    let now = town.everything();
    assert!(expected.iter().all(|(k, v)| now.get(k) == Some(v)));
    assert!(now.keys().all(|(_, _, path)| path != SECRET));
}

#[test]
fn an_unfinished_backups_packs_are_left_and_named() {
    let (town, markers) = town_with_secret();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    town.write("half.bin", noise(30, 400_000));
    let fork = town.fork();
    fork.faults.restart(strongroom::testing::Plan::none());
    fork.try_backup().unwrap();
    let calls = fork.faults.calls();
    // It stops just before its snapshot is committed.
    town.faults.restart(strongroom::testing::Plan::at(calls - 2, strongroom::testing::Fault::StopBefore));
    assert!(town.try_backup().is_err());
    town.faults.restart(strongroom::testing::Plan::none());
    assert!(!town.open().state().open_sessions.is_empty());
    let report = town.apply_now(approval).unwrap();
    assert_eq!(report.stage, Stage::Done);
    assert!(!report.purged.at_work.is_empty(), "{report:?}");
    town.assert_nowhere(&markers, "beside an unfinished backup");
    town.backup();
    let all = town.everything();
    assert!(all.values().any(|bytes| *bytes == noise(30, 400_000)), "the unfinished backup goes on");
}

#[test]
fn a_machine_that_cannot_read_goes_on_after_a_disposal() {
    use strongroom::repo::create::{CreateOptions, create};
    let town = super::town::Town::bare();
    let options = CreateOptions { machine_name: "office server".into(), write_only: true, single_machine: false };
    let mut key = None;
    create(&town.store(), &town.dir(), &town.env, &options, |ready| {
        key = Some(ready.identity.clone());
        Ok(())
    })
    .unwrap();
    let first = noise(1, 150_000);
    town.write("HR/secret.bin", &first);
    town.write("plan.bin", noise(3, 120_000));
    town.write("minutes.txt", "May");
    town.backup();
    town.remove("HR/secret.bin");
    town.backup();
    // What it knew is lost: from here on older listings are inherited.
    std::fs::remove_dir_all(town.dir().file("sets")).unwrap();
    town.write("minutes.txt", "June");
    town.remove("plan.bin");
    town.backup();
    // The clerk's computer can read, test and prune.
    let id = town.open().state().repository;
    let mut root = Repository::open_with_identity(town.store(), &key.unwrap(), id, town.env.clone()).unwrap();
    let roles = [Role::Tester, Role::Pruner, Role::Approver];
    let mut clerk = Machine::generate("clerk", true, &roles, &*town.env.entropy);
    enrol(&mut root, &clerk.keyholder(), &clerk.actors()).unwrap();
    clerk.repository = Some(id);
    let dir = StateDir::new(town.tmp.path().join("clerk"));
    dir.save_machine(&clerk).unwrap();
    let reader = town.beside(dir);
    reader.test();
    let before = reader.everything();
    let plan = reader.plan_of_any(SECRET);
    let (approval, _) = reader.approve(&plan);
    assert_eq!(reader.apply_now(approval).unwrap().stage, Stage::Done);
    reader.assert_nowhere(&stretches(&first), "of a machine that cannot read");
    let after = reader.everything();
    assert!(without(&before, &[SECRET]).iter().all(|(k, v)| after.get(k) == Some(v)));
    // The server's next backup finds its own listing replaced, and keeps all the rest by reference.
    town.write("minutes.txt", "July");
    town.backup();
    reader.assert_nowhere(&stretches(&first), "after the server's next backup");
    let mut repo = reader.open();
    let mut view = strongroom::ops::query::View::open(&mut repo, &Default::default()).unwrap();
    let mut names = vec![];
    view.ls(None, true, &mut |hit| {
        names.push((hit.path.to_string(), hit.live));
        Ok(())
    })
    .unwrap();
    assert!(names.contains(&("Documents/plan.bin".into(), false)), "{names:?}");
    assert!(names.contains(&("Documents/minutes.txt".into(), true)), "{names:?}");
    assert!(names.iter().all(|(n, _)| n != SECRET), "{names:?}");
    reader.test();
}
