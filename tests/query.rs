//! Asking a repository: what is in it, what was, what changed, and what a person means by a name. Then starting
//! again on a machine with nothing.
#![cfg(feature = "testing")]
// The lint's leave for tests does not reach helpers.
#![allow(clippy::unwrap_used)]

mod office;

use std::fs;

use office::{Office, assert_same, path, text};
use strongroom::domain::id::RepositoryId;
use strongroom::domain::log::entry::Role;
use strongroom::domain::path::RecordPath;
use strongroom::domain::pattern::Pattern;
use strongroom::domain::problem::Exit;
use strongroom::ops::fs::place::Owner;
use strongroom::ops::query::{ChangeKind, Hit, Resolved, View, Which, diff, history};
use strongroom::ops::recover::{EnrolOptions, RecoverOptions, enrol, recover};
use strongroom::ops::restore::cat;
use strongroom::ops::{OpsError, Silent, Stop};
use strongroom::repo::error::RepoError;
use strongroom::repo::machine::{Machine, StateDir};
use strongroom::repo::repository::Repository;
use strongroom::repo::seal::Identity;

/// Three snapshots: `May.docx` changes, `June.docx` goes, `July.docx` comes.
fn office() -> Office {
    let mut office = Office::open(30);
    for n in 0..2000 {
        office.write(&format!("Archive/{n:04}.txt"), format!("{n}"));
    }
    office.write("Minutes/May.docx", "first");
    office.write("Minutes/June.docx", "june");
    office.backup();
    office.write("Minutes/May.docx", "second, longer");
    fs::remove_file(office.docs().join("Minutes/June.docx")).unwrap();
    office.backup();
    office.write("Minutes/July.docx", "july");
    office.backup();
    office
}

fn all(view: &mut View<'_>, pattern: &str) -> Vec<Hit> {
    let mut hits = vec![];
    view.find(&Pattern::new(pattern), &mut |hit| {
        hits.push(hit);
        Ok(())
    })
    .unwrap();
    hits
}

#[test]
fn records_are_found_live_and_gone() {
    let mut office = office();
    let mut view = View::open(&mut office.repo, &Which::default()).unwrap();
    let hits = all(&mut view, "jUNe");
    assert_eq!(hits.len(), 1);
    let june = &hits[0];
    assert!(!june.live && june.set == "documents" && june.path == path("Documents/Minutes/June.docx"));
    let (from, to) = june.deleted_between.unwrap();
    assert_eq!((from.to_string(), to.to_string()), ("2026-05-05T18:00:00Z".into(), "2026-05-06T18:00:00Z".into()));
    assert_eq!(june.last_seen, from);
    assert_eq!(all(&mut view, "m*.docx").len(), 1);
    let mut names = vec![];
    view.ls(Some(&path("Documents/Minutes")), false, &mut |hit| {
        names.push(hit.path.to_string());
        Ok(())
    })
    .unwrap();
    let want = ["Documents/Minutes", "Documents/Minutes/July.docx", "Documents/Minutes/May.docx"];
    assert_eq!(names, want);
    let at = Some("2026-05-05T20:00:00Z".parse().unwrap());
    let mut view = View::open(&mut office.repo, &Which { at, ..Which::default() }).unwrap();
    assert!(all(&mut view, "June")[0].live && all(&mut view, "July").is_empty());
    let at = Some("2026-05-01T00:00:00Z".parse().unwrap());
    assert!(matches!(View::open(&mut office.repo, &Which { at, ..Which::default() }), Err(OpsError::NotFound(_))));
}

#[test]
fn a_records_history_and_the_difference_of_two_snapshots_are_told() {
    let mut office = office();
    let ids: Vec<_> = office.repo.state().live_snapshots().map(|s| s.id).collect();
    let of = |office: &mut Office, name: &str| -> Vec<_> {
        let versions = history(&mut office.repo, &path(name)).unwrap();
        versions.iter().map(|v| (v.entry.size(), v.first.0, v.last.0, v.gone)).collect()
    };
    assert_eq!(
        of(&mut office, "Documents/Minutes/May.docx"),
        [(5, ids[0], ids[0], false), (14, ids[1], ids[2], false)]
    );
    assert_eq!(of(&mut office, "Documents/Archive/0007.txt"), [(1, ids[0], ids[2], false)]);
    assert_eq!(of(&mut office, "Documents/Minutes/June.docx"), [(4, ids[0], ids[0], false)]);
    assert_eq!(of(&mut office, "Documents/none"), []);
    let mut changes = vec![];
    diff(&mut office.repo, ids[0], ids[2], &mut |c| {
        changes.push((c.path.to_string(), c.kind));
        Ok(())
    })
    .unwrap();
    let minutes = |name: &str| format!("Documents/Minutes{name}");
    let want = [
        (minutes(""), ChangeKind::Attributes),
        (minutes("/July.docx"), ChangeKind::Added),
        (minutes("/June.docx"), ChangeKind::Removed),
        (minutes("/May.docx"), ChangeKind::Content),
    ];
    assert_eq!(changes, want);
}

#[test]
fn a_path_means_a_record_a_live_file_a_folder_or_a_name() {
    let mut office = office();
    let docs = office.docs();
    let folders: Vec<(RecordPath, _)> = vec![(path("Documents"), "/srv/now".into())];
    let mut view = View::open(&mut office.repo, &Which::default()).unwrap();
    let mut one = |what: &str| match view.resolve(what, &folders).unwrap() {
        Resolved::One(hit) => hit.path.to_string(),
        Resolved::Folder(path) => format!("folder {path}"),
        Resolved::Many(hits, count) => format!("{} of {count}", hits.len()),
        Resolved::Nothing => "nothing".into(),
    };
    let may = "Documents/Minutes/May.docx";
    assert_eq!(one(may), may);
    assert_eq!(one("/srv/now/Minutes/May.docx"), may);
    assert_eq!(one(docs.join("Minutes/May.docx").to_str().unwrap()), may);
    assert_eq!(one("may.docx"), may);
    assert_eq!(one("MINUTES/may.docx"), may);
    assert_eq!(one("june"), "Documents/Minutes/June.docx");
    assert_eq!(one("Documents/Minutes/"), "folder Documents/Minutes");
    assert_eq!(one("minutes"), "folder Documents/Minutes");
    assert_eq!(one("/srv/now"), "folder Documents");
    assert_eq!(one("docx"), "3 of 3");
    assert_eq!(one(".txt"), "500 of 2000");
    assert_eq!(one("/elsewhere/May.docx"), "nothing");
    assert_eq!(one("../May.docx"), "nothing");
    let mut out = vec![];
    cat(&mut office.repo, &path(may), &Which::default(), &mut out, &Stop::default()).unwrap();
    assert_eq!(out, b"second, longer");
}

fn options(office: &Office, name: &str) -> RecoverOptions {
    RecoverOptions {
        to: office.tmp.path().join(name),
        owner: Owner::Recorded,
        connections: 2,
        enrol: Some(EnrolOptions {
            dir: StateDir::new(office.tmp.path().join(format!("{name}-state"))),
            name: "new server".into(),
            reads: true,
            roles: vec![Role::Writer, Role::Tester],
        }),
    }
}

#[test]
fn a_bare_machine_recovers_with_the_printed_key_and_goes_on_backing_up() {
    let mut office = office();
    let id = office.repo.state().repository;
    let go = |office: &Office, identity: &Identity, id| {
        let (store, env) = (office.store.clone(), office.env.clone());
        recover(store, identity, id, env, &options(office, "new"), &Silent, &Stop::default())
    };
    let other = go(&office, &office.recovery, RepositoryId::new([9; 32])).unwrap_err();
    assert!(
        matches!(other, OpsError::Repo(RepoError::AnotherRepository { .. })) && !office.tmp.path().join("new").exists()
    );
    let wrong = go(&office, &Identity::generate(), id).unwrap_err();
    assert_eq!(wrong.exit(), Exit::WrongKey);
    let report = go(&office, &office.recovery, id).unwrap();
    let to = office.tmp.path().join("new");
    assert_same(&office.docs(), &to.join("Documents"), "");
    assert_eq!((text(&to, "council.toml"), report.config), ("[council]".into(), Some(to.join("council.toml"))));
    assert_eq!(
        report.still_valid.iter().map(|m| (&m.name[..], m.actors.len())).collect::<Vec<_>>(),
        [("office server", 4)]
    );
    // It can be run again, and makes no second machine.
    let again = go(&office, &office.recovery, id).unwrap();
    assert_eq!((again.enrolled, again.restored.files), (report.enrolled, 0));
    let dir = StateDir::new(office.tmp.path().join("new-state"));
    let mut new = Repository::open(office.store.clone(), dir.clone(), office.env.clone()).unwrap();
    assert!(new.can_read() && new.state().voids.is_empty());
    std::mem::swap(&mut office.repo, &mut new);
    office.dir = dir;
    office.backup_of("other", "Other", &to.join("Documents/Minutes"));
}

#[test]
fn a_machine_that_may_only_write_gets_no_reading_key() {
    let office = office();
    let id = office.repo.state().repository;
    let open =
        |identity: &Identity| Repository::open_with_identity(office.store.clone(), identity, id, office.env.clone());
    let mut root = open(&office.recovery).unwrap();
    let mut machine = Machine::generate("scanner", false, &[Role::Writer], &*office.env.entropy);
    enrol(&mut root, &machine.keyholder(), &machine.actors()).unwrap();
    enrol(&mut root, &machine.keyholder(), &machine.actors()).unwrap();
    assert!(!open(&machine.identity).unwrap().can_read());
    machine.repository = Some(id);
    let dir = StateDir::new(office.tmp.path().join("scanner"));
    dir.save_machine(&machine).unwrap();
    let mut repo = Repository::open(office.store.clone(), dir, office.env.clone()).unwrap();
    assert!(matches!(View::open(&mut repo, &Which::default()), Err(OpsError::Repo(RepoError::CannotRead))));
    // Only the root key makes members, and nobody gets its role or another's number.
    let stranger = Machine::generate("stranger", false, &[Role::Writer], &*office.env.entropy);
    let refused = enrol(&mut repo, &stranger.keyholder(), &stranger.actors());
    assert!(matches!(refused, Err(OpsError::Repo(RepoError::NoRole(Role::Root)))));
    let greedy = Machine::generate("greedy", false, &[Role::Root], &*office.env.entropy);
    assert_eq!(enrol(&mut root, &greedy.keyholder(), &greedy.actors()).unwrap_err().exit(), Exit::Usage);
    let mut twin = stranger.keyholder();
    twin.id = machine.id;
    let mut actors = stranger.actors();
    actors[0].machine = machine.id;
    assert_eq!(enrol(&mut root, &twin, &actors).unwrap_err().exit(), Exit::Refused);
}
