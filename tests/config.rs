//! The configuration as people meet it: the shipped files, the defaults, and the errors word for word.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use strongroom::config::{self, Config, ConfigError, Environment, SecretPlace, Store, Tls};
use strongroom::domain::problem::Exit;

const MINIMAL: &str = include_str!("../config/council.minimal.toml");

/// A system of variables, files with modes, and one program that works.
#[derive(Default)]
struct System {
    vars: BTreeMap<&'static str, &'static str>,
    files: BTreeMap<PathBuf, (u32, Vec<u8>)>,
}

impl System {
    fn with_file(mut self, path: &str, mode: u32, bytes: &[u8]) -> Self {
        self.files.insert(path.into(), (mode, bytes.to_vec()));
        self
    }
    fn with_var(mut self, name: &'static str, value: &'static str) -> Self {
        self.vars.insert(name, value);
        self
    }
    fn file(&self, path: &Path) -> io::Result<&(u32, Vec<u8>)> {
        self.files.get(path).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }
}

impl Environment for System {
    fn var(&self, name: &str) -> Option<String> {
        self.vars.get(name).map(ToString::to_string)
    }
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.file(path).map(|f| f.1.clone())
    }
    fn mode(&self, path: &Path) -> io::Result<u32> {
        self.file(path).map(|f| f.0)
    }
    fn command(&self, words: &[String]) -> io::Result<Vec<u8>> {
        match words {
            [program, name] if program == "pass" => Ok(format!("secret of {name}\n").into_bytes()),
            _ => Err(io::Error::other("exit status: 1")),
        }
    }
    fn exists(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }
}

fn parse(text: &str) -> Config {
    config::parse(text, "council.toml").unwrap_or_else(|e| panic!("{e}"))
}

fn error(text: &str) -> String {
    let error = config::parse(text, "council.toml").unwrap_err();
    assert_eq!(error.exit(), Exit::Usage);
    error.to_string()
}

/// The minimal file with one piece replaced.
fn minimal(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from), "{from}");
    MINIMAL.replacen(from, to, 1)
}
#[test]
fn show() {
    for (a, b) in [
        ("name = \"documents\"", "nmae = \"documents\""),
        ("host = \"mail.anytown-tc.gov.uk\"", "host = \"mail.anytown-tc.gov.uk\"\npassword = \"hunter2\""),
        ("host = \"mail.anytown-tc.gov.uk\"", "host = \"mail.anytown-tc.gov.uk\"\npasswrod = \"hunter2\""),
        ("clerk@anytown-tc.gov.uk", "clerk.anytown@gmail.com"),
        ("\"/srv/council/Documents\"", "\"Documents\""),
        ("\"/srv/council/Documents\"", "\"/srv/council/Documents\", \"/mnt/b/Documents\""),
        ("\"/srv/council/Documents\"", "\"/srv/council/Documents\", \"/srv/council/Documents/x\""),
        ("\"/srv/council/Documents\"", "{path=\"/srv/council/Documents\", ass=\"x\"}"),
        ("\"/srv/council/Documents\"", "5"),
        ("[council]\n", "[verify]\nbytes_per_run = \"1 gig\"\n[council]\n"),
        ("[council]\n", "[retention]\nkeep-weekly = 3\n[council]\n"),
        ("[council]\n", "[retention]\nkeep_weekly = \"3\"\n[council]\n"),
        ("[council]\n", "[councill]\n"),
        ("[[set]]\n", "[set]\n"),
        ("domains = [\"anytown-tc.gov.uk\"]\n", ""),
        ("url = \"s3://bucket/prefix\"", "url = \"s3://AKIA:hunter2@bucket/prefix\""),
        ("url = \"s3://bucket/prefix\"", "url = \"s3://bucket/prefix\"\nendpoint = \"http://10.0.0.1\"\nallow_http = true"),
        ("url = \"s3://bucket/prefix\"", "url = \"file:///x\"\nregion = \"x\"\n"),
        ("url = \"s3://bucket/prefix\"", "bogus = 1"),
        ("name = \"Anytown Town Council\"", "name = \"Anytown"),
        ("host = \"mail.anytown-tc.gov.uk\"", ""),
        ("[notify.mail]\n", "[elsewhere]\nemail = { by = \"x\", checked = \"2026\" }\n[notify.mail]\n"),
    ] {
        println!("{}\n", error(&minimal(a, b)));
    }
    println!("{}\n", error(MINIMAL.split_once("[repository]").unwrap().1));
    println!("{}\n", error(&MINIMAL[MINIMAL.find("[repository]").unwrap()..]));
    println!("{}\n", error(&MINIMAL[..MINIMAL.find("[[set]]").unwrap()]));
}
