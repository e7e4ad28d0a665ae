//! A watcher whose credentials may list and read, and nothing else; and a store that says when things were written.

use std::fs::File;
use std::time::Duration;

use crate::files;
use crate::refused::{at_s3, credentials};
use crate::s3::{ACCESS_KEY, BUCKET, READER, S3Server, SECRET_KEY};

#[test]
fn a_watcher_needs_no_right_to_write_and_believes_the_stores_clock() {
    let server = S3Server::start();
    let place = at_s3(&server.url());
    place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
    place.run(["run"]).ends(0);
    credentials(&place, READER, SECRET_KEY);
    place.run(["run"]).ends(1).says("refused").says(&place.text("key-id"));
    let listed = place.run(["actor", "list", "--json"]).ends(0).objects();
    let lines = listed.iter().find(|o| o["message_type"] == "watch").unwrap();
    let text = format!(
        "[provider]\nname = \"Example IT\"\nphone = \"01632 960000\"\nemail = \"support@example-it.co.uk\"\n\
         [[council]]\nname = \"Anytown Town Council\"\ndomains = [\"anytown-tc.gov.uk\"]\n\
         clerk = {{ name = \"The Clerk\", email = \"clerk@anytown-tc.gov.uk\" }}\nid = {}\nactors = {}\n\
         [council.repository]\nurl = \"s3://{BUCKET}/prefix\"\nregion = \"us-east-1\"\nendpoint = \"{}\"\n\
         allow_http = true\naccess_key_id_file = \"{}\"\nsecret_access_key_file = \"{}\"\n",
        lines["id"],
        lines["actors"],
        server.url(),
        place.text("key-id"),
        place.text("key-secret"),
    );
    place.write("watcher/watch.toml", text.as_bytes());
    let stored = files(&server.folder);
    let said = place.run_at("watcher", ["watch"]).ends(0).says("OK          Anytown Town Council: heard ");
    said.says("; set ").says("Nobody is told by e-mail: the configuration has no [notify.mail].");
    assert!(files(&server.folder) == stored, "a watcher writes nothing");
    // The office claims to be alive now; by the store's clock that was written three days ago.
    let folder = server.folder.join(BUCKET).join("prefix/heartbeat");
    let beat = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let written = std::fs::metadata(&beat).unwrap().modified().unwrap();
    let file = File::options().write(true).open(&beat).unwrap();
    file.set_modified(written - Duration::from_secs(3 * 24 * 3600)).unwrap();
    let said = place.run_at("watcher", ["watch"]).ends(5).says("SILENT");
    said.says("the office's clock is 72 hours ahead of the store's");
    file.set_modified(written).unwrap();
    place.run_at("watcher", ["watch"]).ends(0);
    credentials(&place, ACCESS_KEY, "not-the-secret");
    place.run_at("watcher", ["watch"]).ends(1).says("NO ANSWER").says(&place.text("key-id")).says("in watch.toml");
}
