//! Garbage, nothing or a folder in place of every file the program reads.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::place::{Place, Said, noise};
use crate::refused::at_s3;
use crate::s3::S3Server;
use crate::{all_is_well, files};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bad {
    Garbage,
    Empty,
    Folder,
}

const ALL: [Bad; 3] = [Bad::Garbage, Bad::Empty, Bad::Folder];

/// Does it to the file, looks at what the program says, and puts the file back.
fn with(path: &Path, bad: Bad, look: impl FnOnce()) {
    let good = std::fs::read(path).unwrap();
    std::fs::remove_file(path).unwrap();
    match bad {
        Bad::Garbage => std::fs::write(path, noise(100)).unwrap(),
        Bad::Empty => std::fs::write(path, b"").unwrap(),
        Bad::Folder => std::fs::create_dir(path).unwrap(),
    }
    let private = std::fs::Permissions::from_mode(if bad == Bad::Folder { 0o700 } else { 0o600 });
    std::fs::set_permissions(path, private).unwrap();
    look();
    if path.is_dir() {
        std::fs::remove_dir_all(path).unwrap();
    }
    std::fs::write(path, good).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[track_caller]
fn calm(said: Said) -> Said {
    said.never_says("panicked").never_says("RUST_BACKTRACE")
}

/// The keys and the witness end the run with their name and what to do; caches heal; the journal says what it lost.
#[test]
fn every_file_of_the_state_folder() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    let state = place.path("home/state");
    let names: Vec<_> = files(&state).into_keys().collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in &names {
        let (path, shown) = (state.join(name), name.to_str().unwrap());
        if !path.exists() {
            continue; // The local state of a set is kept under a new name in each run.
        }
        for bad in ALL {
            with(&path, bad, || {
                let said = calm(place.run(["run"]));
                let words = match (shown, bad) {
                    ("machine.json", Bad::Garbage | Bad::Empty) => "is damaged. Set this computer up again with the",
                    ("memory.json", Bad::Garbage | Bad::Empty) => "is damaged: it is how this computer would notice",
                    ("journal.jsonl", Bad::Folder) => "check that it is a file",
                    ("journal.jsonl", Bad::Garbage) => {
                        place.run(["status"]).ends(0).says("1 line of this computer's own record cannot be read");
                        return drop(said.ends(0));
                    }
                    (_, Bad::Folder) if said.code != 0 => "a folder stands where this file should be; move it away",
                    // What is a copy of something else.
                    _ => return drop(said.ends(0).never_says("PROBLEM")),
                };
                said.ends(1).says(words).says(path.to_str().unwrap());
            });
            calm(place.run(["run"])).ends(0).never_says("PROBLEM");
        }
    }
    all_is_well(&place);
}

#[test]
fn the_configuration() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    let (stored, state) = (files(&place.path("repository")), files(&place.path("home/state")));
    for bad in ALL {
        with(&place.path("home/council.toml"), bad, || {
            for command in [&["run"][..], &["status"], &["config", "check"], &["restore", "--all"], &["prune"]] {
                let said = calm(place.run(command)).ends(2).says(&place.text("home/council.toml"));
                said.says(match bad {
                    Bad::Garbage => "is not text in UTF-8",
                    Bad::Empty => "Add [council] with name, domains, clerk and provider.",
                    Bad::Folder => "Is a directory",
                });
            }
        });
    }
    assert!(files(&place.path("repository")) == stored && files(&place.path("home/state")) == state);
}

#[test]
fn the_recovery_key() {
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    let (url, sheet) = (format!("file://{}", place.text("repository")), place.text("sheet.txt"));
    let (stored, id) = (files(&place.path("repository")), "ab".repeat(32));
    for bad in ALL {
        with(&place.path("sheet.txt"), bad, || {
            let to = place.text("new");
            let recover = ["recover", "--repository", &url, "--recovery-key-file", &sheet, "--id", &id, "--to", &to];
            let check = ["key", "sheet", "--check", "--recovery-key-file", &sheet];
            for command in [&recover[..], &check, &["key", "rotate", "--recovery-key-file", &sheet]] {
                let said = calm(place.run(command)).says(&sheet);
                match bad {
                    Bad::Garbage => {
                        said.ends(12).says("this is no key file").says("It should be the file that init wrote")
                    }
                    Bad::Empty => {
                        said.ends(12).says("there is no key in it").says("It should be the file that init wrote")
                    }
                    Bad::Folder => said.ends(2).says("Check the path and who may read it."),
                };
            }
            assert!(!place.path("new").exists());
        });
    }
    assert!(files(&place.path("repository")) == stored);
}

/// What the configuration names: the backup is made whatever the mail server's password is; without the store's
/// credentials nothing is touched.
#[test]
fn secrets_and_certificates() {
    let mail = |place: &Place| {
        format!(
            "[notify.mail]\nhost = \"127.0.0.1\"\nport = 9\ntls = \"required\"\nuser = \"u\"\npassword_file = \"{}\"\n\
             ca_file = \"{}\"",
            place.text("password"),
            place.text("ca.pem")
        )
    };
    let place = Place::ready("");
    place.configure("council.toml", &mail(&place));
    let authority = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    for (name, content) in [("password", "hunter2"), ("ca.pem", authority)] {
        place.write(name, content.as_bytes());
        std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    for (name, key) in [("password", "password_file"), ("ca.pem", "ca.pem cannot be read: ")] {
        for bad in ALL {
            place.write("Documents/Minutes/new.txt", format!("{name} {bad:?}").as_bytes());
            with(&place.path(name), bad, || {
                let said = calm(place.run(["run"])).ends(1).says("messages do not leave this computer").says(key);
                said.says("Backed up \"documents\": 4 files").never_says("hunter2");
                assert_ne!(calm(place.run(["notify", "test"])).never_says("hunter2").code, 0);
            });
        }
    }
    place.configure("council.toml", "");
    place.run(["run"]).ends(0);
    all_is_well(&place);
}

#[test]
fn the_credentials_of_the_store() {
    let server = S3Server::start();
    let place = at_s3(&server.url());
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0);
    let stored = files(&server.folder);
    for (name, key) in [("key-id", "access_key_id_file"), ("key-secret", "secret_access_key_file")] {
        for bad in ALL {
            with(&place.path(name), bad, || {
                let said = calm(place.run(["run"])).ends(2).says(key).says("PROBLEM: somebody must act.");
                let said = said.never_says("\\u{a}");
                said.says(match bad {
                    Bad::Garbage => "what is there is not text",
                    Bad::Empty => "the secret is empty",
                    Bad::Folder => "cannot be read: Is a directory",
                });
                calm(place.run(["restore", "--all", "--to", &place.text("out")])).ends(2).says(key);
            });
        }
    }
    assert!(files(&server.folder) == stored && !place.path("out").exists());
    place.run(["run"]).ends(0).never_says("PROBLEM");
}

/// Messages that wait: one that cannot be read is itself told of, and stops no run.
#[test]
fn messages_that_wait() {
    let place = Place::ready("[notify.mail]\nhost = \"127.0.0.1\"\nport = 9\ntls = \"none-on-loopback\"");
    place.run(["run"]).ends(0);
    std::fs::rename(place.path("Documents"), place.path("away")).unwrap();
    for bad in ALL {
        place.run(["run"]).ends(1);
        let outbox = place.path("home/state/outbox");
        let waiting = files(&outbox).into_keys().find(|name| name.to_str().unwrap().ends_with(".json")).unwrap();
        with(&outbox.join(&waiting), bad, || {
            let said = calm(place.run(["run"])).ends(1);
            said.says("notices-damage").says("PROBLEM: somebody must act.").says("Cause: backup-failed/documents");
        });
    }
}

/// A trial has one file of its own.
#[test]
fn the_folders_of_a_trial() {
    let place = Place::new();
    let folder = place.text("Documents");
    place.run(["run", "--folder", &folder]).ends(0);
    let file = std::fs::read_dir(place.path("home")).unwrap().map(|f| f.unwrap().path()).find(|p| p.is_file()).unwrap();
    for bad in ALL {
        with(&file, bad, || {
            let said = calm(place.run(["run"])).ends(2).says(file.to_str().unwrap());
            said.says("is damaged: it names the folders of the trial").says("run --folder FOLDER");
        });
    }
    with(&file, Bad::Garbage, || drop(place.run(["run", "--folder", &folder]).ends(0)));
    place.run(["run"]).ends(0);
    all_is_well(&place);
}
