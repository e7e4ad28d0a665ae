//! The pruner is cut off from before a disposal that it has carried out: what is left stays readable.

use strongroom::domain::log::{Entry, Role};
use strongroom::ops::retention::disposals::Stage;
use strongroom::ops::roster::revoke;
use strongroom::repo::create::{CreateOptions, create};
use strongroom::repo::repository::Repository;

use super::town::{SECRET, Town, noise, stretches, without};

#[test]
fn what_a_pruner_rewrote_stays_readable_when_it_is_cut_off_from_before_it() {
    let town = Town::bare();
    let options = CreateOptions { machine_name: "office server".into(), write_only: false, single_machine: false };
    let mut key = None;
    create(&town.store(), &town.dir(), &town.env, &options, |ready| {
        key = Some(ready.identity.clone());
        Ok(())
    })
    .unwrap();
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

    let id = town.open().state().repository;
    let mut root = Repository::open_with_identity(town.store(), &key.unwrap(), id, town.env.clone()).unwrap();
    let pruner = root.state().actors.values().find(|(a, ..)| a.roles.contains(&Role::Pruner)).unwrap().0.key;
    assert_eq!(revoke(&mut root, &[pruner], Some(approval + 1)).unwrap(), 1);
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
