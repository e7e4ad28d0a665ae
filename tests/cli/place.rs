//! A computer of its own for each test: a home, documents, a configuration; and what the program said.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder with everything in it.
pub struct Place {
    tmp: tempfile::TempDir,
}

/// What a command said and how it ended.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub raw: Vec<u8>,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { tmp: tempfile::tempdir().unwrap() };
        for folder in ["work", "user", "Documents/Minutes/2026", "Documents/Plans"] {
            std::fs::create_dir_all(place.path(folder)).unwrap();
        }
        place.write("Documents/Minutes/2026/May.txt", b"Resolved: to plant a tree.\n");
        place.write("Documents/Minutes/2026/June.txt", b"Resolved: to water it.\n");
        place.write("Documents/Plans/site.bin", &noise(300_000));
        place
    }

    /// With a council.toml in the home; `more` is added to it. The repository is a folder beside the home.
    pub fn council(more: &str) -> Self {
        let place = Self::new();
        place.configure("council.toml", more);
        place
    }

    /// As [`Place::council`], after `init`; the sheet is `sheet.txt`.
    pub fn ready(more: &str) -> Self {
        let place = Self::council(more);
        place.run(["init", "--recovery-key-file", &place.text("sheet.txt")]).ends(0);
        place
    }

    /// The same place once more, elsewhere, with all times.
    pub fn again(&self) -> Self {
        let place = Self { tmp: tempfile::tempdir().unwrap() };
        let all = self.tmp.path().join(".");
        assert!(Command::new("cp").arg("-a").arg(all).arg(place.tmp.path()).status().unwrap().success());
        let text = String::from_utf8(place.read("home/council.toml")).unwrap();
        let (from, to) = (self.tmp.path().to_str().unwrap(), place.tmp.path().to_str().unwrap());
        place.write("home/council.toml", text.replace(from, to).as_bytes());
        place
    }

    /// Writes a configuration into the home.
    pub fn configure(&self, name: &str, more: &str) {
        let day = today();
        let text = format!(
            "[council]\nname = \"Anytown Town Council\"\ndomains = [\"anytown-tc.gov.uk\"]\n\
             clerk = {{ name = \"The Clerk\", email = \"clerk@anytown-tc.gov.uk\" }}\n\
             provider = {{ name = \"Example IT\", phone = \"01632 960000\", email = \"support@example-it.co.uk\" }}\n\
             [policy]\nit = {{ adopted = {day}, minute = \"FC 1\" }}\nretention = {{ adopted = {day}, minute = \"FC 1\" }}\n\
             [repository]\nurl = \"file://{}\"\n[[set]]\nname = \"documents\"\nfolders = [\"{}\"]\n{more}\n",
            self.text("repository"),
            self.text("Documents"),
        );
        self.write(&format!("home/{name}"), text.as_bytes());
    }

    pub fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.tmp.path().join(Path::new(name.as_ref()))
    }
    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The program with nothing of this machine's own environment.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path("user")).current_dir(self.path("work")).stdin(Stdio::null());
        command
    }

    /// `strongroom --home HOME …`
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Said {
        let home: [OsString; 2] = ["--home".into(), self.path("home").into()];
        let args = home.into_iter().chain(args.into_iter().map(|a| a.as_ref().to_owned()));
        Said::of(self.command().args(args).output().unwrap())
    }

    /// As [`Place::run`], on a home of another name.
    pub fn run_at<A: AsRef<OsStr>>(&self, home: &str, args: impl IntoIterator<Item = A>) -> Said {
        Said::of(self.command().arg("--home").arg(self.path(home)).args(args).output().unwrap())
    }

    /// Stored objects of a folder of the repository, sorted.
    pub fn objects(&self, folder: &str) -> Vec<PathBuf> {
        let mut found = vec![];
        let mut todo = vec![self.path("repository").join(folder)];
        while let Some(dir) = todo.pop() {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                if entry.file_type().unwrap().is_dir() { todo.push(entry.path()) } else { found.push(entry.path()) }
            }
        }
        found.sort();
        found
    }
}

impl Said {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            raw: output.stdout,
        }
    }

    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        let said = self.out.contains(words) || self.err.contains(words);
        assert!(said, "{words:?} is not in\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn never_says(self, words: &str) -> Self {
        let said = self.out.contains(words) || self.err.contains(words);
        assert!(!said, "{words:?} is in\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }

    /// Every line an object, and the last one the summary.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let all: Vec<Value> = self.out.lines().map(parse).collect();
        assert!(all.iter().all(|o| o["message_type"].is_string()), "{}", self.out);
        let last = all.last().unwrap_or_else(|| panic!("nothing was said\n{}", self.err));
        assert_eq!(last["message_type"], "summary");
        assert_eq!(last["exit"], self.code);
        assert_eq!(all.iter().filter(|o| o["message_type"] == "summary").count(), 1);
        all
    }

    #[track_caller]
    pub fn summary(&self) -> Value {
        self.objects().pop().unwrap()
    }

    pub fn last_line(&self) -> &str {
        self.out.trim_end().lines().last().unwrap_or_default()
    }
}

/// The program under test asks the real clock, so these tests do.
#[allow(clippy::disallowed_methods)]
fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Bytes that do not compress, the same each time.
pub fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().update(&len.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A name that is no text.
pub fn stray_name() -> &'static OsStr {
    OsStr::from_bytes(b"caf\xe9.txt")
}
