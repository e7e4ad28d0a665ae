//! What is printed. For people: lines. With `--json`: one object a line, the last a summary.
//!
//! Nothing from a listing reaches a terminal but through `RecordPath`'s `Display`; a reader that went away
//! (`| head`) ends the printing quietly, never the work. Any other failure to write, such as a full disk, ends the
//! printing too, and the program then fails: half an answer must never look like a whole one.
//!
//! Where a stream leads into systemd's journal, each line bears its priority, and what may name a record is for debugging.

use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indicatif::ProgressBar;
use serde_json::{Map, Value, json};

use super::hints::Advice;
use super::levels::{Journalled, Level, with_level};
use crate::domain::path::RecordPath;
use crate::domain::problem::{Exit, Problem};
use crate::service::words::word;

/// The standard streams.
pub struct Out {
    json: bool,
    quiet: bool,
    journalled: Journalled,
    /// The journal has been told that there are problems.
    troubled: AtomicBool,
    closed: AtomicBool,
    failed: Mutex<Option<std::io::Error>>,
    bar: Mutex<Option<ProgressBar>>,
    /// Of a trial that was named: how its commands begin.
    named: OnceLock<String>,
}

/// Commands that mean the trial they are spoken of in. `init`, `config` and `recover` are for the real thing.
const OF_TRIALS: [&str; 20] = [
    "backup",
    "cat",
    "diff",
    "doctor",
    "find",
    "history",
    "hold",
    "incident",
    "key",
    "log",
    "ls",
    "provider",
    "repair",
    "report",
    "restore",
    "retention",
    "run",
    "snapshots",
    "status",
    "verify",
];

/// How a command ended, and what it counted.
#[derive(Debug)]
pub struct Done {
    /// The exit code.
    pub exit: Exit,
    fields: Map<String, Value>,
}

impl Done {
    /// All went well.
    pub fn ok() -> Self {
        Self::with_exit(Exit::Done)
    }
    /// It ended with this code.
    pub fn with_exit(exit: Exit) -> Self {
        Self { exit, fields: Map::new() }
    }
    /// It could not be done.
    pub fn failed(exit: Exit) -> Self {
        Self::with_exit(exit).with("problems", 1)
    }
    /// Adds a field to the summary.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }
}

impl Out {
    /// The process's own streams.
    pub fn new(json: bool, quiet: bool, journalled: Journalled) -> Self {
        let (closed, troubled) = (AtomicBool::new(false), AtomicBool::new(false));
        let (failed, bar, named) = (Mutex::new(None), Mutex::new(None), OnceLock::new());
        Self { json, quiet, journalled, troubled, closed, failed, bar, named }
    }

    /// From here on the commands that are named to people begin with `--home` and this folder.
    pub fn in_trial(&self, home: &std::path::Path) {
        let home = shell_quoted(home.as_os_str().as_encoded_bytes());
        let _ = self.named.set(format!("strongroom --home {home} "));
    }

    /// A text of our own as it is to be typed here: in a trial that was named, its commands name it too.
    pub fn as_typed(&self, text: &str) -> String {
        let Some(named) = self.named.get() else { return text.to_owned() };
        let mut typed = String::new();
        for (at, part) in text.split("strongroom ").enumerate() {
            let word = part.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
            let begin = if OF_TRIALS.contains(&word) { named } else { "strongroom " };
            typed.push_str(if at == 0 { "" } else { begin });
            typed.push_str(part);
        }
        typed
    }

    /// Whether objects are printed instead of lines.
    pub fn is_json(&self) -> bool {
        self.json
    }
    /// Whether only answers and errors are printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }
    /// Whether the standard output takes nothing any more: long listings may end.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
    /// Why the standard output could not be written, unless it is only that nobody reads it.
    pub fn failure(&self) -> Option<String> {
        let failed = self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        failed.as_ref().map(|e| format!("the output could not be written: {e}"))
    }

    /// A remark: for people who did not ask for quiet.
    pub fn say(&self, text: impl AsRef<str>) {
        if !self.json && !self.quiet {
            self.line(Level::Info, &self.as_typed(text.as_ref()));
        }
    }

    /// Whether the standard output leads into the system's journal.
    pub fn is_journalled(&self) -> bool {
        self.journalled.out
    }

    /// What was asked for: a line for people, whatever `--quiet` says.
    pub fn answer(&self, text: impl AsRef<str>) {
        if !self.json {
            self.line(Level::Info, text.as_ref());
        }
    }

    /// What was asked for, as a line or as an object. Of what a service does, only this and [`Out::problem`] may name a record.
    pub fn row(&self, text: impl FnOnce() -> String, object: impl FnOnce() -> Value) {
        if self.json { self.object(object()) } else { self.line(Level::Debug, &text()) }
    }

    /// An object; for people nothing.
    pub fn object(&self, value: Value) {
        if self.json {
            let level = match value["message_type"].as_str() {
                Some("error") => Level::Error,
                Some("warning") => Level::Warning,
                Some("note") => Level::Notice,
                Some("summary") => Level::Info,
                _ => Level::Debug,
            };
            self.line(level, &value.to_string());
        }
    }

    /// A line to the standard output.
    fn line(&self, level: Level, text: &str) {
        match self.journalled.out {
            true => self.to_stdout(with_level(level, text).as_bytes()),
            false => self.to_stdout(format!("{text}\n").as_bytes()),
        }
    }

    /// For raw content.
    pub fn raw(&self) -> Raw<'_> {
        Raw { out: self }
    }

    /// Something to know that is no failure, such as what could not be looked at.
    pub fn note(&self, text: impl AsRef<str>) {
        if self.json {
            self.object(json!({"message_type": "note", "message": text.as_ref()}));
        } else if !self.quiet {
            self.log(Level::Notice, &self.as_typed(text.as_ref()));
        }
    }

    /// Something that somebody must know, whatever `--quiet` says, though the work went on.
    pub fn warn(&self, text: impl AsRef<str>) {
        if self.json {
            self.object(json!({"message_type": "warning", "message": text.as_ref()}));
        } else {
            self.log(Level::Warning, &self.as_typed(text.as_ref()));
        }
    }

    /// One item failed.
    pub fn problem(&self, problem: &Problem) {
        if self.json {
            let mut object = json!({"message_type": "problem", "kind": problem.kind, "detail": problem.detail});
            if let Some(path) = &problem.path {
                add_path(&mut object, path);
            }
            return self.object(object);
        }
        let detail = crate::domain::path::printable(problem.detail.as_bytes());
        let line = match &problem.path {
            Some(path) => format!("problem: {path}: {detail}"),
            None => format!("problem: {detail}"),
        };
        if self.journalled.err && !self.troubled.swap(true, Ordering::Relaxed) {
            let kind = word(&problem.kind);
            self.log(Level::Warning, &format!("problem: {kind}; this and what follows is named at priority debug"));
        }
        self.log(Level::Debug, &line);
    }

    /// A failure and what to do about it.
    pub fn error(&self, advice: &Advice) {
        if self.json {
            return self.object(json!({
                "message_type": "error", "message": advice.message, "hint": advice.hint, "exit": advice.exit as u8,
            }));
        }
        let hint = advice.hint.as_ref().map(|h| format!("\n\nhint: {}", self.as_typed(h))).unwrap_or_default();
        self.log(Level::Error, &format!("strongroom: {}{hint}", advice.message));
    }

    /// The last object.
    pub fn summary(&self, command: &str, done: &Done) {
        let mut all = Map::new();
        all.insert("message_type".into(), "summary".into());
        all.insert("command".into(), command.into());
        all.insert("exit".into(), (done.exit as u8).into());
        all.extend(done.fields.clone());
        self.object(Value::Object(all));
    }

    /// The progress bar that lines must not be printed into.
    pub fn set_bar(&self, bar: Option<ProgressBar>) {
        *self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = bar;
    }

    /// A line to the error stream, around the progress bar.
    pub fn to_stderr(&self, text: &str) {
        self.log(Level::Info, text);
    }

    /// The same, as the journal shall count it.
    pub fn log(&self, level: Level, text: &str) {
        let text = if self.journalled.err { with_level(level, text) } else { format!("{text}\n") };
        let bar = self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let write = || {
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        };
        match &*bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn to_stdout(&self, bytes: &[u8]) {
        if self.is_closed() {
            return;
        }
        let mut stdout = std::io::stdout().lock();
        if let Err(e) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            if e.kind() != ErrorKind::BrokenPipe {
                *self.failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(e);
            }
            self.closed.store(true, Ordering::Relaxed);
        }
    }

    /// What a writer says once the standard output takes nothing any more.
    fn taken(&self, bytes: usize) -> std::io::Result<usize> {
        match self.failure() {
            Some(why) => Err(std::io::Error::other(why)),
            None if self.is_closed() => Err(ErrorKind::BrokenPipe.into()),
            None => Ok(bytes),
        }
    }
}

/// Adds `path`, and `path_b64` where it is not UTF-8, to an object.
pub fn add_path(object: &mut Value, path: &RecordPath) {
    object["path"] = String::from_utf8_lossy(path.as_bytes()).into();
    if path.as_text().is_none() {
        object["path_b64"] = STANDARD.encode(path.as_bytes()).into();
    }
}

/// An object about a record.
pub fn about(kind: &str, path: &RecordPath, mut object: Value) -> Value {
    object["message_type"] = kind.into();
    add_path(&mut object, path);
    object
}

/// Raw content; fails once it cannot be written any more, so that fetching more of it ends.
pub struct Raw<'a> {
    out: &'a Out,
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.to_stdout(bytes);
        self.out.taken(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `cat --json`: content as objects of base64.
pub struct ContentObjects<'a> {
    out: &'a Out,
}

impl<'a> ContentObjects<'a> {
    /// Writes to `out`.
    pub fn new(out: &'a Out) -> Self {
        Self { out }
    }
}

impl Write for ContentObjects<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.object(json!({"message_type": "content", "data_b64": STANDARD.encode(bytes)}));
        self.out.taken(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Quotes a word so that a shell reads it as it is.
pub fn shell_quoted(bytes: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(b);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Ok(text) if crate::domain::path::printable(bytes) == text => format!("'{}'", text.replace('\'', "'\\''")),
        _ => {
            // Control characters and stray bytes as octal, so that no terminal is upset.
            let octal: String = bytes.iter().map(|b| format!("\\{b:03o}")).collect();
            format!("\"$(printf '{octal}')\"")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for name in [&b"plain/a.txt"[..], b"it's here.docx", b"a b $HOME `x` \"q\"", b"new\nline", b"\xff\xfe", b""] {
            let script = format!("printf %s {}", shell_quoted(name));
            let run = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(run.stdout, name, "{script}");
        }
    }

    #[test]
    fn a_path_that_is_no_text_is_given_as_bytes_too() {
        let mut object = json!({});
        add_path(&mut object, &RecordPath::new(&b"a/\xff"[..]).unwrap());
        assert_eq!(object["path_b64"], "YS//");
        let plain = about("entry", &RecordPath::new("a/b").unwrap(), json!({}));
        assert_eq!(plain, json!({"message_type": "entry", "path": "a/b"}));
    }
}
