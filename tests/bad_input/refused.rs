//! A store that may only be read, and credentials that the store refuses.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;

use crate::mounts::{Mount, may_mount};
use crate::place::Place;
use crate::s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};
use crate::{all_is_well, comes_back, files, nothing_half_written};

#[test]
fn a_store_that_may_only_be_read_still_gives_everything_back() {
    if !may_mount("refused::a_store_that_may_only_be_read_still_gives_everything_back") {
        return;
    }
    let place = Place::ready("");
    place.run(["run"]).ends(0);
    let (stored, before) = (files(&place.path("repository")), files(&place.path("Documents")));
    place.write("Documents/Minutes/new.txt", b"new");
    let mount = Mount::read_only(&place.path("repository"));
    let said = place.run(["run"]).ends(1).says("Read-only file system").says("PROBLEM: somebody must act.");
    said.says("hint: The store may only be read. Mount it for writing, or correct its permissions; then run again.");
    place.run(["status"]).ends(1).says("backup-failed/documents/store-refused");
    place.run(["verify", "check"]).ends(0);
    comes_back(&place, &before);
    drop(mount);
    assert!(files(&place.path("repository")) == stored, "something was changed");
    place.run(["run"]).ends(0).never_says("PROBLEM");
    nothing_half_written(&place.path("repository"));
    all_is_well(&place);
}

/// A council whose store is S3 at this endpoint; the credentials lie in files.
pub fn at_s3(endpoint: &str) -> Place {
    let place = Place::new();
    credentials(&place, ACCESS_KEY, SECRET_KEY);
    move_to(&place, endpoint);
    place
}

pub fn move_to(place: &Place, endpoint: &str) {
    place.configure("council.toml", "");
    let text = String::from_utf8(place.read("home/council.toml")).unwrap();
    let store = format!(
        "url = \"s3://{BUCKET}/prefix\"\nregion = \"us-east-1\"\nendpoint = \"{endpoint}\"\nallow_http = true\n\
         single_machine = true\n\
         access_key_id_file = \"{}\"\nsecret_access_key_file = \"{}\"\n",
        place.text("key-id"),
        place.text("key-secret")
    );
    let folder = format!("url = \"file://{}\"\n", place.text("repository"));
    assert!(text.contains(&folder));
    place.write("home/council.toml", text.replace(&folder, &store).as_bytes());
}

pub fn credentials(place: &Place, id: &str, secret: &str) {
    for (name, text) in [("key-id", id), ("key-secret", secret)] {
        place.write(name, text.as_bytes());
        std::fs::set_permissions(place.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[test]
fn refused_credentials_are_named_and_change_nothing() {
    let server = S3Server::start();
    let place = at_s3(&server.url());
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0);
    let (stored, keys) = (files(&server.folder), place.read("home/state/machine.json"));
    place.write("Documents/Minutes/new.txt", b"new");
    for (id, secret) in [("AKIA-NOBODY", SECRET_KEY), (ACCESS_KEY, "not-the-secret")] {
        credentials(&place, id, secret);
        let said = place.run(["run"]).ends(1).says("PROBLEM: somebody must act.").never_says(secret);
        let said = said.says("Check the credentials that council.toml names, and that they may list, read and write");
        said.says(&place.text("key-id")).says(&place.text("key-secret"));
        place.run(["restore", "--all", "--to", &place.text("out")]).ends(1).says(&place.text("key-secret"));
        assert!(!place.path("out").exists());
        place.run(["status"]).ends(1).says("store-refused").says(&place.text("key-id"));
        assert!(files(&server.folder) == stored, "something was changed");
        assert_eq!(place.read("home/state/machine.json"), keys);
    }
    credentials(&place, ACCESS_KEY, SECRET_KEY);
    place.run(["run"]).ends(0).never_says("PROBLEM");
    all_is_well(&place);
}

#[test]
fn expired_credentials_are_said_to_have_expired() {
    let server = S3Server::start();
    let place = at_s3(&server.url());
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0);
    let stored = files(&server.folder);
    let expired = denying("ExpiredToken", "The provided token has expired.");
    move_to(&place, &expired);
    let said = place.run(["run"]).ends(1).says("ExpiredToken").says("store-refused");
    let said = said.says("hint: The credentials have expired. Put new ones where council.toml says they are;");
    said.says(&place.text("key-id"));
    move_to(&place, &server.url());
    assert!(files(&server.folder) == stored);
    place.run(["run"]).ends(0).never_says("PROBLEM");
    all_is_well(&place);
}

/// A store that answers every request as Amazon answers one it refuses; it ends with the test process.
fn denying(code: &str, message: &str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let answer = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 65536];
            // One read is enough: what is refused is refused by its head.
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

/// The share is gone and its mount point shows what lies beneath: that must not look like a deletion.
#[test]
fn a_source_that_is_no_longer_mounted_is_not_backed_up() {
    if !may_mount("refused::a_source_that_is_no_longer_mounted_is_not_backed_up") {
        return;
    }
    let place = Place::council("");
    std::fs::rename(place.path("Documents"), place.path("share")).unwrap();
    place.write("Documents/beneath.txt", b"not the council's");
    let mount = Mount::bind(&place.path("share"), &place.path("Documents"));
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0);
    let before = files(&place.path("Documents"));
    drop(mount);
    let said = place.run(["run"]).ends(1).says("Connect the disk or share again and run again; nothing was recorded");
    said.says("backup-failed/documents/source-not-mounted").says("PROBLEM: somebody must act.");
    comes_back(&place, &before);
    let _mount = Mount::bind(&place.path("share"), &place.path("Documents"));
    place.run(["run"]).ends(0).never_says("PROBLEM");
    all_is_well(&place);
}
