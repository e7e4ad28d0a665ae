//! The whole job over Azure and Google Cloud Storage: set up, run, brought back, tested, and recovered on a computer that
//! has nothing but the sheet; and what people are told when the key no longer opens the store, or its place is gone.

use std::process::Command;

use super::{Office, subjects};
use crate::support::services;

/// What `verify store` says of a store without versions, and without a door to ask more by.
const PROTECTION: &str = "\
protected      of two that write one name at once, one wins (claimed or needed)
protected      what was written is listed at once, what was deleted is not (claimed or needed)
not protected  what is deleted can still be read, as an older version: the store keeps no older versions
not protected  what is written cannot be destroyed with this computer's credentials: it was deleted, and is gone
not protected  what is written is locked by the store: there is no lock
inconclusive   the backups that lie there are locked: this program cannot ask this kind of store
inconclusive   no rule of the store deletes backups or puts them away: this program cannot ask this kind of store";

/// Everything that works, and then everything back without this computer: `recover` with these words and variables.
fn whole_job(office: &Office, words: &[&str], variables: &[(&str, String)]) {
    let sheet = office.path("recovery.key").display().to_string();
    let said = office.expect(&["init", "--recovery-key-file", &sheet], 0);
    assert!(said.contains("store: ok: of sixteen at once exactly one wins"), "{said}");
    office.expect(&["run"], 0);
    std::fs::remove_file(office.docs().join("Minutes/May.txt")).unwrap();
    office.expect(&["backup"], 0);
    let to = office.path("back");
    office.expect(&["restore", "May.txt", "--to", &to.display().to_string()], 0);
    assert_eq!(std::fs::read_to_string(to.join("Documents/Minutes/May.txt")).unwrap(), "resolved in May");
    let said = office.expect(&["verify", "store"], 0);
    assert!(said.contains(PROTECTION), "{said}");
    office.expect(&["verify", "check"], 0);
    office.expect(&["prune", "--keep-last", "1", "--grace", "0", "--yes"], 0);

    let bare = office.path("bare").display().to_string();
    let out = Command::new(env!("CARGO_BIN_EXE_strongroom"))
        .args(["recover", "--identity", &sheet, "--to", &bare])
        .args(words)
        .envs(variables.iter().cloned())
        .env("SSL_CERT_FILE", services::smtp_authority())
        .env("HOME", office.path("nobody"))
        .current_dir(office.tmp.path())
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let june = office.path("bare").join("Documents/Minutes/June.txt");
    assert_eq!(std::fs::read_to_string(june).unwrap(), "resolved in June");
}

/// The next run fails with these words, the clerk and the provider hear of it once, and then that it works again.
fn is_told_and_put_right(office: &Office, code: i32, wrong: &str, right: &str, words: &[&str]) {
    // That the other computer was enrolled is told by itself.
    let of_keys = |subject: &str| subject.contains("the list of keys") || subject.contains(": keys-");
    let letters = || office.letters().into_iter().filter(|m| !of_keys(&m.subject));
    let before = letters().count();
    office.configure_store(wrong);
    let said = office.expect(&["run"], code);
    assert!(words.iter().all(|w| said.contains(w)), "{words:?} in\n{said}");
    office.expect(&["run"], code);
    assert_eq!(letters().count(), before + 2, "{:?}", subjects(&office.letters()));
    office.configure_store(right);
    office.expect(&["run"], 0);
    assert_eq!(letters().count(), before + 4, "{:?}", subjects(&office.letters()));
}

const KEY_HINT: &str =
    "hint: Check the credentials that council.toml names, and that they may list, read and write there.";
const PLACE_HINT: &str =
    "hint: The bucket or container is not there. Check [repository] url in council.toml, or make it first.";

#[test]
fn the_whole_job_over_azure() {
    let office = Office::new("azure");
    let store = |container: &str, key: &str| {
        format!(
            "url = \"az://{container}/{}\"\nendpoint = \"{}\"\nallow_http = true\naccount = \"devstoreaccount1\"\n{key}",
            office.name,
            services::azure()
        )
    };
    let by_key =
        |container| store(container, &format!("access_key_file = \"{}\"", services::azure_key("key").display()));
    let by_token = |name| store("one", &format!("sas_token_file = \"{}\"", services::azure_key(name).display()));
    office.configure_store(&by_key("one"));
    let (url, azure) = (format!("az://one/{}", office.name), services::azure());
    let key = std::fs::read_to_string(services::azure_key("key")).unwrap();
    let words = ["--repository", &url, "--endpoint", &azure, "--account", "devstoreaccount1", "--allow-http"];
    whole_job(&office, &words, &[("AZURE_STORAGE_ACCOUNT_KEY", key)]);
    let refused = ["403 Forbidden", "(the credentials are those of sas_token_file (", KEY_HINT];
    is_told_and_put_right(&office, 1, &by_token("sas-over"), &by_token("sas"), &refused);
    is_told_and_put_right(&office, 10, &by_key("nowhere"), &by_key("one"), &["ContainerNotFound", PLACE_HINT]);
}

#[test]
fn the_whole_job_over_google() {
    let office = Office::new("google");
    for id in ["current", "gone"] {
        office.write_secret(id, &services::google_key(&services::gcs_tls(), id));
    }
    let store = |bucket: &str, key: &str| {
        let key = office.path(key).display().to_string();
        format!("url = \"gs://{bucket}/{}\"\nservice_account_file = \"{key}\"", office.name)
    };
    office.configure_store(&store("one", "current"));
    let url = format!("gs://one/{}", office.name);
    let key = office.path("current").display().to_string();
    whole_job(&office, &["--repository", &url], &[("GOOGLE_SERVICE_ACCOUNT", key)]);
    let refused = ["401 Unauthorized", "(the credentials are those of service_account_file (", KEY_HINT];
    is_told_and_put_right(&office, 1, &store("one", "gone"), &store("one", "current"), &refused);
    let gone = ["NoSuchBucket", PLACE_HINT];
    is_told_and_put_right(&office, 10, &store("nowhere", "current"), &store("one", "current"), &gone);
}
