//! What is said of a listing that cannot be read, of what was destroyed, and of what is swept meanwhile.

use super::*;

/// The pack that the newest listing lies in.
fn listing(c: &Council) -> Object {
    let mut repo = c.open();
    let root = repo.state().newest(&c.set).unwrap().snapshot.root;
    let number = repo.chunks().unwrap().pack_of(&root).unwrap();
    Object::Pack(repo.pack_name(number).unwrap())
}

#[test]
fn a_listing_that_cannot_be_read_is_named_with_what_can_be_in_its_place() {
    let c = council();
    let first = c.open().state().newest(&c.set).unwrap().id;
    c.write("later.txt", "only in the second");
    let second = c.backup();
    c.damage(listing(&c), flip);
    let everything = RestoreOptions::everything(c.tmp.path().join("elsewhere"));
    let words = match plan(&mut c.open(), &everything, &Silent, &Stop::default()) {
        Err(e @ OpsError::Unreadable(_)) => {
            assert_eq!(e.exit(), Exit::Damage);
            e.to_string()
        }
        other => panic!("{:?}", other.map(|_| ())),
    };
    assert!(words.starts_with(&format!("snapshot {second} of the set 'documents', of 20")), "{words}");
    assert!(words.contains("cannot be opened: pack "), "{words}");
    assert!(words.ends_with(&format!(": --snapshot {first}")), "{words}");
    let older = Which { snapshot: Some(first), ..Which::default() };
    assert_eq!(View::open(&mut c.open(), &older).unwrap().chosen[0].id, first);
    // After a disaster nobody need name it.
    let report = recovered(&c).unwrap();
    assert!(is_all_back(&c) && report.restored.exit() == Exit::Damage);
    let said = &report.restored.problems[0].detail;
    assert!(said.contains(&format!("; in its place comes snapshot {first} of 20")), "{said}");
}

#[test]
fn what_was_destroyed_is_not_called_damaged() {
    let c = Council::new();
    c.write("old.bin", Council::noise(1, 200_000));
    c.backup();
    let id = {
        let mut repo = c.open();
        let root = repo.state().newest(&c.set).unwrap().snapshot.root;
        repo.index().unwrap();
        root
    };
    c.write("old.bin", Council::noise(2, 200_000));
    c.backup();
    let mut repo = c.open();
    let thinned = repo.state().snapshots[0].id;
    let entry = crate::domain::log::entry::Entry::Thinned { snapshots: vec![thinned], rule: "a test".into() };
    repo.append_as(Some(crate::domain::log::Role::Pruner), |_| Ok(Some(entry.clone()))).unwrap();
    assert!(c.prune_now().swept.packs > 0);
    let mut repo = c.open();
    let swept = repo.state().packs.iter().find_map(|p| match p.life {
        Life::Swept { at } => Some(at),
        _ => None,
    });
    let said = repo.chunks().unwrap().read(&id).unwrap_err();
    let day = repo.slots()[swept.unwrap() as usize].body.as_ref().unwrap().time.strftime("%Y-%m-%d").to_string();
    let words = format!("the content was destroyed under entry {} of the log on {day}", swept.unwrap());
    assert_eq!(said.to_string(), words);
}

/// Somebody prunes after the store was listed.
struct Prunes<'c>(&'c Council);
impl crate::ops::Monitor for Prunes<'_> {
    fn stage(&self, stage: &str, _: Option<u64>) {
        if stage == "scrubbing" {
            assert!(self.0.prune_now().swept.indexes > 0);
        }
    }
    fn advance(&self, _: u64) {}
    fn problem(&self, _: &Problem) {}
}

#[test]
fn what_is_swept_while_a_run_looks_is_no_damage_and_is_not_brought_back() {
    let c = Council::new();
    c.write("old.bin", Council::noise(1, 200_000));
    c.backup();
    c.write("old.bin", Council::noise(2, 200_000));
    c.backup();
    let mut repo = c.open();
    let thinned = crate::domain::log::entry::Entry::Thinned {
        snapshots: vec![repo.state().snapshots[0].id],
        rule: "a test".into(),
    };
    repo.append_as(Some(crate::domain::log::Role::Pruner), |_| Ok(Some(thinned.clone()))).unwrap();
    assert!(c.prune_now().swept.packs > 0);
    let mut repo = c.open();
    repo.index().unwrap();
    let before = c.objects();
    let report = look(&mut repo, true, &Prunes(&c), &Stop::default()).unwrap();
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    let after = c.objects();
    let swept: Vec<&String> = before.iter().filter(|o| !after.contains(o)).collect();
    assert!(swept.iter().any(|o| o.starts_with("index/")), "{swept:?}");
}
