//! The real program against real services: a council whose store is an S3 server and whose mail goes through
//! STARTTLS and a password. The folder disappears, the store goes away, everything comes back; the clerk hears
//! of each once.
#![cfg(feature = "testing")]
#![allow(clippy::unwrap_used)]

#[path = "real_services/clouds.rs"]
mod clouds;
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::{moto, services};

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
        let at = |name: &str| self.path(name).display().to_string();
        self.configure_store(&format!(
            "url = \"s3://one/{}\"\nendpoint = \"{endpoint}\"\nregion = \"us-east-1\"\nallow_http = true\n\
             access_key_id_file = \"{}\"\nsecret_access_key_file = \"{}\"",
            self.name,
            at("key-id"),
            at("key"),
        ));
    }

    fn configure_store(&self, repository: &str) {
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
{repository}
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
            // Whom the system trusts, besides: the tests' own authority, by which one of the stores is certified.
            .env("SSL_CERT_FILE", services::smtp_authority())
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

/// An office whose store is a bucket of its own, with a claim about it.
fn claiming(name: &str, claims: &str, set_up: impl Fn(&str)) -> (Office, String) {
    let office = Office::new(name);
    let bucket = format!("claims-{}", office.name);
    set_up(&bucket);
    let text = std::fs::read_to_string(office.path("council.toml")).unwrap();
    let text = text.replace("s3://one/", &format!("s3://{bucket}/"));
    let text = text.replace("allow_http = true", &format!("allow_http = true\n{claims}"));
    std::fs::write(office.path("council.toml"), text).unwrap();
    (office, bucket)
}

#[test]
fn a_claim_that_does_not_hold_is_told_and_one_that_is_put_right_is_told_too() {
    let (office, bucket) = claiming("claim", "claims = { versioning = \"30 days\" }", moto::plain);
    office.expect(&["init", "--recovery-key-file", &office.path("recovery.key").display().to_string()], 0);
    let said = office.expect(&["run"], 1);
    let line = "not protected  what is deleted can still be read, as an older version (claimed or needed): the store keeps no \
                older versions";
    assert!(said.contains(line), "{said}");
    assert!(said.contains("! The store does not protect the backups as claimed (versioning): "), "{said}");
    let letters = office.letters();
    let clerk = letters.iter().find(|l| l.to.starts_with("clerk@")).unwrap();
    assert!(clerk.subject.contains("the backups are not protected as agreed"), "{}", clerk.subject);
    office.expect(&["run"], 1);
    assert_eq!(office.letters().len(), 2, "once: {:?}", subjects(&office.letters()));
    let doctor = office.expect(&["doctor"], 1);
    assert!(doctor.contains("problem      the store protects what lies in it as claimed: not on "), "{doctor}");

    moto::keep_versions(&bucket);
    let said = office.expect(&["run"], 0);
    assert!(said.contains("The store was tested: it does what is claimed of it."), "{said}");
    assert!(said.contains("  The store protects the backups as claimed: "), "{said}");
    assert_eq!(office.letters().len(), 4, "working again, to both: {:?}", subjects(&office.letters()));
    // Not again before its time.
    let entries = office.expect(&["log"], 0);
    let tests = |text: &str| text.matches("  store-tested  7 looked at, ").count();
    assert_eq!(tests(&entries), 3, "{entries}");
    office.expect(&["run"], 0);
    assert_eq!(tests(&office.expect(&["log"], 0)), 3);
}

#[test]
fn a_bucket_that_locks_is_used_tested_word_for_word_and_stays_usable() {
    let claims = "claims = { object_lock = \"30 days\", versioning = \"30 days\" }";
    let (office, bucket) = claiming("lock", claims, |name| moto::locked(name, "COMPLIANCE", 30));
    office.expect(&["init", "--recovery-key-file", &office.path("recovery.key").display().to_string()], 0);
    office.expect(&["run"], 0);
    let said = office.expect(&["verify", "store"], 0);
    let (lines, locks) = said.split_once("\nOf ").unwrap();
    let expected = "protected      of two that write one name at once, one wins (claimed or needed)\n\
                    protected      what was written is listed at once, what was deleted is not (claimed or needed)\n\
                    protected      what is deleted can still be read, as an older version (claimed or needed)\n\
                    protected      what is written cannot be destroyed with this computer's credentials (claimed or needed)\n\
                    protected      what is written is locked by the store (claimed or needed)\n\
                    protected      the backups that lie there are locked (claimed or needed)\n\
                    protected      no rule of the store deletes backups or puts them away (claimed or needed)";
    assert_eq!(lines, expected);
    assert!(locks.contains("packs asked for, ") && locks.contains(" are locked now, the first until "), "{locks}");
    assert!(locks.contains("\nThe store does what is claimed of it.\n"), "{locks}");
    let json = office.expect(&["verify", "store", "--json"], 0);
    let summary: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!((&summary["protected"], &summary["broken"]), (&7.into(), &0.into()), "{json}");
    // What is left of the tests is in nobody's way.
    for command in [&["verify", "check"][..], &["verify", "scrub"], &["prune"], &["status"], &["doctor"]] {
        let out = office.strongroom(command);
        let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(!text.contains("canary") && !text.contains("not Strongroom's"), "{command:?}: {text}");
    }
    office.expect(&["verify", "check"], 0);
    let keys = moto::ask("GET", &format!("/{bucket}?prefix={}/probe/canary", office.name), "", "");
    assert_eq!(keys.matches("<Key>").count(), 1, "one canary, used again: {keys}");

    // A rule that deletes backups fails whatever is claimed; a lock that is not said is explained.
    moto::rule(&bucket, "", "<Expiration><Days>90</Days></Expiration>");
    let said = office.expect(&["verify", "store"], 1);
    assert!(said.contains("(claimed or needed): a lifecycle rule of the bucket deletes them"), "{said}");
    let text = std::fs::read_to_string(office.path("council.toml")).unwrap();
    std::fs::write(office.path("council.toml"), text.replace(claims, "")).unwrap();
    let said = office.expect(&["backup", "--reread"], 1);
    assert!(said.contains("hint: The bucket locks what is written. Say so, with its days: claims = "), "{said}");
}
