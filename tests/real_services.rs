//! The real program against real services: a council whose store is an S3 server and whose mail goes through
//! STARTTLS and a password. The folder disappears, the store goes away, everything comes back; the clerk hears
//! of each once.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::services;

struct Office {
    tmp: tempfile::TempDir,
    name: String,
}

struct Letter {
    to: String,
    subject: String,
    body: String,
}

impl Office {
    fn new(name: &str) -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let own: String =
            tmp.path().file_name().unwrap().to_string_lossy().chars().filter(char::is_ascii_alphanumeric).collect();
        let office = Self { name: format!("{name}{}", own.to_lowercase()), tmp };
        std::fs::create_dir_all(office.docs().join("Minutes")).unwrap();
        std::fs::write(office.docs().join("Minutes/May.txt"), "resolved in May").unwrap();
        std::fs::write(office.docs().join("Minutes/June.txt"), "resolved in June").unwrap();
        office.write_secret("mail-password", "secret");
        office.write_secret("key-id", "any");
        office.write_secret("key", "any");
        office.configure(&services::s3());
        office
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tmp.path().join(name)
    }
    fn docs(&self) -> PathBuf {
        self.path("Documents")
    }
    fn domain(&self) -> String {
        format!("{}.example", self.name)
    }

    fn write_secret(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn configure(&self, endpoint: &str) {
        let smtp = services::smtp();
        let (host, port) = smtp.rsplit_once(':').unwrap();
        let (domain, authority) = (self.domain(), services::smtp_authority());
        let at = |name: &str| self.path(name).display().to_string();
        let text = format!(
            r#"
[council]
name = "Anytown Town Council"
domains = ["{domain}"]
clerk = {{ name = "The Clerk", email = "clerk@{domain}" }}
provider = {{ name = "Example IT", phone = "01632 960000", email = "support@{domain}.it.example" }}
[repository]
url = "s3://one/{name}"
endpoint = "{endpoint}"
region = "us-east-1"
allow_http = true
access_key_id_file = "{id}"
secret_access_key_file = "{key}"
[state]
dir = "{state}"
[[set]]
name = "documents"
folders = ["{docs}"]
[notify.mail]
host = "{host}"
port = {port}
tls = "required"
user = "anna"
password_file = "{password}"
ca_file = "{authority}"
"#,
            name = self.name,
            id = at("key-id"),
            key = at("key"),
            state = at("state"),
            docs = at("Documents"),
            password = at("mail-password"),
        );
        std::fs::write(self.path("council.toml"), text).unwrap();
    }

    fn strongroom(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_strongroom"))
            .arg("--config")
            .arg(self.path("council.toml"))
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .env_remove("AWS_ACCESS_KEY_ID")
            .output()
            .unwrap()
    }

    fn expect(&self, arguments: &[&str], exit: i32) -> String {
        let out = self.strongroom(arguments);
        let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert_eq!(out.status.code(), Some(exit), "strongroom {arguments:?} printed:\n{text}");
        text
    }

    /// Every message that reached somebody of this office, oldest first.
    fn letters(&self) -> Vec<Letter> {
        let mut files: Vec<PathBuf> = ["new", "cur"]
            .iter()
            .filter_map(|d| std::fs::read_dir(Path::new(&services::maildir()).join(d)).ok())
            .flat_map(|d| d.flatten().map(|f| f.path()))
            .collect();
        files.sort_by_key(|f| f.metadata().and_then(|m| m.modified()).ok());
        files.iter().filter_map(|f| std::fs::read_to_string(f).ok()).filter_map(|t| self.letter(&t)).collect()
    }

    fn letter(&self, text: &str) -> Option<Letter> {
        let (head, body) = text.split_once("\n\n")?;
        let head = head.replace("\n ", " ");
        let header = |name: &str| {
            head.lines().find_map(|l| l.strip_prefix(name)).map(|v| v.trim().to_owned()).unwrap_or_default()
        };
        let to = header("X-Envelope-To:");
        let body = body.replace("=\n", "");
        to.contains(&self.domain()).then(|| Letter { to, subject: header("Subject:"), body })
    }
}

#[test]
fn the_whole_weekly_job_over_s3_and_mail() {
    let office = Office::new("whole");
    office.expect(&["init", "--recovery-key-file", &office.path("recovery.key").display().to_string()], 0);
    let said = office.expect(&["run"], 0);
    assert!(said.contains("E-mail: not backed up by Strongroom"), "{said}");
    assert!(office.letters().is_empty(), "nothing failed, nothing is sent");

    // The share is not connected: the folder is empty and was not.
    let away = office.path("away");
    std::fs::rename(office.docs(), &away).unwrap();
    std::fs::create_dir(office.docs()).unwrap();
    office.expect(&["run"], 1);
    let letters = office.letters();
    assert_eq!(letters.len(), 2, "one for the clerk, one for the provider: {:?}", subjects(&letters));
    let clerk = letters.iter().find(|l| l.to.starts_with("clerk@")).unwrap();
    assert!(clerk.subject.contains("Anytown Town Council"), "{}", clerk.subject);
    assert!(clerk.body.contains("01632 960000"), "{}", clerk.body);
    for letter in &letters {
        for secret in ["Minutes", "May.txt", "Documents/", &office.tmp.path().display().to_string()] {
            assert!(!letter.body.contains(secret) && !letter.subject.contains(secret), "{secret} in {}", letter.body);
        }
    }
    // Once per cause.
    office.expect(&["run"], 1);
    assert_eq!(office.letters().len(), 2, "{:?}", subjects(&office.letters()));

    std::fs::remove_dir(office.docs()).unwrap();
    std::fs::rename(&away, office.docs()).unwrap();
    office.expect(&["run"], 0);
    let letters = office.letters();
    assert_eq!(letters.len(), 4, "working again, to both: {:?}", subjects(&letters));
    assert!(letters[2].subject.contains("working again") || letters[3].subject.contains("working again"));
}

#[test]
fn a_store_that_is_away_is_told_and_a_file_comes_back_when_it_is_there() {
    let office = Office::new("away");
    let key = office.path("recovery.key").display().to_string();
    office.expect(&["init", "--recovery-key-file", &key], 0);
    office.expect(&["run"], 0);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    office.configure(&format!("http://{nobody}"));
    let said = office.expect(&["run"], 1);
    assert!(said.contains("hint:"), "{said}");
    assert_eq!(office.letters().len(), 2, "{:?}", subjects(&office.letters()));
    office.configure(&services::s3());
    office.expect(&["run"], 0);
    assert_eq!(office.letters().len(), 4, "{:?}", subjects(&office.letters()));

    std::fs::remove_file(office.docs().join("Minutes/May.txt")).unwrap();
    office.expect(&["backup"], 0);
    let found = office.expect(&["find", "may"], 0);
    assert!(found.contains("Documents/Minutes/May.txt"), "{found}");
    let to = office.path("back");
    office.expect(&["restore", "May.txt", "--to", &to.display().to_string()], 0);
    assert_eq!(std::fs::read_to_string(to.join("Documents/Minutes/May.txt")).unwrap(), "resolved in May");

    let bare = office.path("bare");
    let (url, s3) = (format!("s3://one/{}", office.name), services::s3());
    let out = Command::new(env!("CARGO_BIN_EXE_strongroom"))
        .args(["recover", "--repository", &url, "--endpoint", &s3, "--region", "us-east-1", "--allow-http"])
        .args(["--identity", &key, "--to", &bare.display().to_string()])
        .env("AWS_ACCESS_KEY_ID", "any")
        .env("AWS_SECRET_ACCESS_KEY", "any")
        .env("HOME", office.path("nobody"))
        .current_dir(office.tmp.path())
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(std::fs::read_to_string(bare.join("Documents/Minutes/June.txt")).unwrap(), "resolved in June");
}

#[test]
fn a_test_message_arrives_and_a_wrong_password_is_told() {
    let office = Office::new("mail");
    office.expect(&["init", "--recovery-key-file", &office.path("recovery.key").display().to_string()], 0);
    office.expect(&["notify", "test"], 0);
    let letters = office.letters();
    assert!(letters.iter().any(|l| l.to.starts_with("clerk@")), "{:?}", subjects(&letters));
    office.write_secret("mail-password", "wrong");
    let said = office.expect(&["notify", "test"], 1);
    assert!(!said.contains("wrong\n") && said.contains("password"), "{said}");
}

#[test]
fn a_server_that_ignores_conditions_is_refused_by_init_and_taken_by_name_for_one_machine() {
    let office = Office::new("bad");
    office.write_secret("key-id", "S3RVER");
    office.write_secret("key", "S3RVER");
    office.configure(&services::s3_bad());
    let key = office.path("recovery.key").display().to_string();
    let refused = office.expect(&["init", "--recovery-key-file", &key], 6);
    assert!(refused.contains("single_machine = true"), "{refused}");
    let text = std::fs::read_to_string(office.path("council.toml")).unwrap();
    let text = text.replace("allow_http = true", "allow_http = true\nsingle_machine = true");
    std::fs::write(office.path("council.toml"), text).unwrap();
    office.expect(&["init", "--recovery-key-file", &key], 0);
    office.expect(&["run"], 0);
}

fn subjects(letters: &[Letter]) -> Vec<String> {
    letters.iter().map(|l| format!("{}: {}", l.to, l.subject)).collect()
}
