//! What the program itself asks of an S3 server: exact counts, for the three things that are done most.

use std::process::Command;

use crate::support::s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY};

/// An office with its documents, and a bucket.
struct Office {
    server: S3Server,
    tmp: tempfile::TempDir,
}

impl Office {
    /// After `init`, and a first backup of this many documents in as many folders.
    fn with(documents: usize) -> Self {
        let office = Self { server: S3Server::start(), tmp: tempfile::tempdir().unwrap() };
        for n in 0..documents {
            office.write(&format!("{}/{n}.txt", n % 20), format!("Minutes of meeting {n}.\n").repeat(40).as_bytes());
        }
        let text = format!(
            "[council]\nname = \"A\"\ndomains = [\"a.gov.uk\"]\nclerk = {{ name = \"C\", email = \"c@a.gov.uk\" }}\n\
             provider = {{ name = \"P\", phone = \"1\", email = \"p@p.uk\" }}\n[repository]\nurl = \"s3://{BUCKET}/anytown\"\n\
             endpoint = \"{}\"\nallow_http = true\nregion = \"eu-west-2\"\naccess_key_id_env = \"KEY\"\n\
             secret_access_key_env = \"SECRET\"\n[[set]]\nname = \"documents\"\nfolders = [\"{}\"]\n",
            office.server.url(),
            office.tmp.path().join("Documents").display(),
        );
        std::fs::create_dir_all(office.tmp.path().join("home")).unwrap();
        std::fs::write(office.tmp.path().join("home/council.toml"), text).unwrap();
        let sheet = office.tmp.path().join("sheet.txt");
        office.asks(&["init", "--recovery-key-file", sheet.to_str().unwrap()]);
        office.asks(&["backup"]);
        office
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.tmp.path().join("Documents").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Runs a command that ends well; what it asked of the server, each as method and kind of object.
    fn asks(&self, words: &[&str]) -> Vec<String> {
        self.server.asked.lock().unwrap().clear();
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.tmp.path());
        command.env("KEY", ACCESS_KEY).env("SECRET", SECRET_KEY).current_dir(self.tmp.path());
        let said = command.arg("--home").arg(self.tmp.path().join("home")).args(words).output().unwrap();
        assert!(said.status.success(), "{words:?}: {}", String::from_utf8_lossy(&said.stderr));
        let asked = self.server.asked.lock().unwrap();
        asked.iter().map(|line| in_short(line)).collect()
    }
}

fn in_short(line: &str) -> String {
    let (method, address) = line.split_once(' ').unwrap();
    let kind = match address.split_once("list-type") {
        Some(_) => "list",
        None => address.split("/anytown/").nth(1).unwrap().split('/').next().unwrap(),
    };
    format!("{method} {kind}")
}

/// An unchanged night: one look at where the log ends and which packs are there, the snapshot, and its entry read back.
#[test]
fn a_backup_of_nothing_new_asks_three_times() {
    let office = Office::with(60);
    let wanted = ["GET list", "PUT log", "GET log"];
    for night in 0..3 {
        assert_eq!(office.asks(&["backup"]), wanted, "night {night}");
    }
}
