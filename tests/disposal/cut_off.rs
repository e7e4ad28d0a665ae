//! The pruner is cut off from before a disposal that it has carried out: what is left stays readable, and another
//! machine can end it.

use strongroom::domain::log::{Entry, Role};
use strongroom::domain::problem::Exit;
use strongroom::ops::recover::enrol;
use strongroom::ops::retention::certificate;
use strongroom::ops::retention::disposals::Stage;
use strongroom::ops::roster::revoke;
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::layout::Key;
use strongroom::repo::machine::{Machine, StateDir};
use strongroom::repo::repository::Repository;
use strongroom::repo::seal::Identity;

use super::town::{Everything, SECRET, Town, noise, stretches, without};

/// A repository whose recovery key is at hand.
fn town_with_key() -> (Town, Identity) {
    let town = Town::bare();
    let options = CreateOptions { machine_name: "office server".into(), write_only: false, single_machine: false };
    let mut key = None;
    create(&town.store(), &town.dir(), &town.env, &options, |ready| {
        key = Some(ready.identity.clone());
        Ok(())
    })
    .unwrap();
    (town, key.unwrap())
}

fn root_of(town: &Town, key: &Identity) -> Repository {
    let id = town.look().state().repository;
    Repository::open_with_identity(town.store(), key, id, town.env.clone()).unwrap()
}

/// Cuts the only pruner off from this entry on.
fn cut(town: &Town, key: &Identity, from: u64) {
    let mut root = root_of(town, key);
    let pruner = root.state().actors.values().find(|(a, ..)| a.roles.contains(&Role::Pruner)).unwrap().0.key;
    assert_eq!(revoke(&mut root, &[pruner], Some(from)).unwrap(), 1);
}

/// Somebody has looked at everything that waits for it.
fn resolve(town: &Town) {
    let mut repo = town.open();
    let open: Vec<u64> = repo.state().open_incidents().map(|i| i.at).collect();
    for incident in open {
        let resolved = Entry::IncidentResolved { incident, by: "A. Clerk".into(), note: "minute 7c".into() };
        repo.append(|_| Ok(Some(resolved.clone()))).unwrap().unwrap();
    }
}

/// Another computer that may do all that the first could.
fn newcomer(town: &Town, key: &Identity) -> Town {
    let mut root = root_of(town, key);
    let roles = [Role::Tester, Role::Pruner, Role::Approver];
    let mut machine = Machine::generate("clerk", true, &roles, &*town.env.entropy);
    enrol(&mut root, &machine.keyholder(), &machine.actors()).unwrap();
    machine.repository = Some(root.state().repository);
    let dir = StateDir::new(town.tmp.path().join("clerk"));
    dir.save_machine(&machine).unwrap();
    town.beside(dir)
}

/// Done by the first pruner: the disposal, the secret's stretches, everything else there is.
fn disposed(town: &Town) -> (u64, Vec<Vec<u8>>, Everything) {
    let secret = noise(1, 15_000);
    town.write("HR/secret.bin", &secret);
    town.write("plan.bin", noise(3, 12_000));
    town.backup();
    town.remove("HR/secret.bin");
    town.backup();
    town.test();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    assert_eq!(town.apply_now(approval).unwrap().stage, Stage::Done);
    (approval, stretches(&secret), town.everything())
}

#[test]
fn a_disposal_whose_end_counts_no_longer_is_ended_by_another_machine() {
    // From its last word on, and from its first.
    for from_end in [true, false] {
        let (town, key) = town_with_key();
        let (approval, markers, after) = disposed(&town);
        let done = town.open().state().disposal(approval).unwrap().done.unwrap();
        let first = certificate::read(&town.open(), approval).unwrap().facts().unwrap();
        let relisted = town.open().state().disposal(approval).unwrap().withdrawn.as_ref().unwrap().at + 1;
        cut(&town, &key, if from_end { done.0 } else { relisted });
        resolve(&town);
        assert!(town.open().state().disposal(approval).unwrap().is_open(), "it is not over by the word of one cut off");
        let clerk = newcomer(&town, &key);
        clerk.test();
        let report = clerk.apply_with(approval, |o| o.person = true).unwrap();
        assert_eq!((report.stage.clone(), report.exit()), (Stage::Done, Exit::Done), "{report:?}");
        assert_eq!(clerk.everything(), after);
        clerk.assert_nowhere(&markers, "after the second end");
        let found = certificate::read(&clerk.open(), approval).unwrap();
        let second = found.facts().unwrap();
        assert_eq!(second.before, Some(done.1), "it says which one it takes the place of");
        assert_eq!((second.records, second.bytes, &second.digests), (first.records, first.bytes, &first.digests));
        assert_eq!((&second.classes, &second.minute), (&first.classes, &first.minute));
        assert_ne!(second.signed_by, first.signed_by);
        assert!(found.text.contains("by a key that was cut off later"), "{}", found.text);
        assert_eq!(clerk.apply_with(approval, |_| ()).unwrap().stage, Stage::Done);
    }
}

#[test]
fn names_that_are_missing_for_any_other_reason_end_nothing() {
    let (town, key) = town_with_key();
    let (approval, note) = {
        let secret = noise(1, 15_000);
        town.write("HR/secret.bin", &secret);
        town.write("minutes.txt", "May");
        town.backup();
        town.remove("HR/secret.bin");
        town.backup();
        town.test();
        town.approve(&town.plan(&[SECRET]))
    };
    let before = town.everything();
    town.store().delete(&Key::Note(note)).unwrap();
    let error = town.apply_now(approval).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    assert_eq!(town.everything(), before);
    drop(key);
}

#[test]
fn what_a_pruner_rewrote_stays_readable_when_it_is_cut_off_from_before_it() {
    let (town, key) = town_with_key();
    let secret = noise(1, 150_000);
    town.write("HR/secret.bin", &secret);
    town.write("plan.bin", noise(3, 120_000));
    town.backup();
    town.remove("HR/secret.bin");
    town.backup();
    town.test();
    let before = town.everything();
    let (approval, _) = town.approve(&town.plan(&[SECRET]));
    assert_eq!(town.apply_now(approval).unwrap().stage, Stage::Done);
    let after = town.everything();
    assert_eq!(after, without(&before, &[SECRET]));

    cut(&town, &key, approval + 1);
    assert_eq!(town.everything(), after, "the old listings' packs are deleted");
    town.assert_nowhere(&stretches(&secret), "after the cut");
    let mut repo = town.open();
    let open: Vec<u64> = repo.state().open_incidents().map(|i| i.at).collect();
    assert!(!open.is_empty(), "somebody must look");
    let incident = open[0];
    let resolved = Entry::IncidentResolved { incident, by: "A. Clerk".into(), note: "minute 7c".into() };
    repo.append(|_| Ok(Some(resolved.clone()))).unwrap().unwrap();
    assert!(repo.state().open_incidents().all(|i| i.at != incident));
    town.write("minutes.txt", "June");
    town.backup();
}
