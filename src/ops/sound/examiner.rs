//! Examination in a process of its own: what a hostile document breaks there breaks nothing here.
//!
//! One child serves many documents. It gets no environment, no open file and only the names of files in its working
//! folder. A document that ends it, or does not end, is not checkable; the next one gets a new child.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{MAX_DOCUMENT, Verdict, examine_bytes};

/// A document that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Documents that one child examines: what it may have kept in memory goes with it.
const SERVES: u32 = 200;
/// So many children that broke off or were given up are enough: the examination ends, and is said to be skipped.
const MOST_UNENDED: u32 = 20;
/// Longer lines are not read, on either side.
const MAX_LINE: u64 = 64 << 10;

/// Who examines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// This program, which confines itself when it is started with these words.
    Child(PathBuf, Vec<String>),
    /// This very process.
    #[cfg(test)]
    InProcess,
}

/// What is asked of a child, a line each.
#[derive(Serialize, Deserialize)]
struct Question {
    /// A file in the child's working folder.
    file: String,
    /// The record's name in base64: it may hold any byte.
    name: String,
}

struct Running {
    child: Child,
    questions: ChildStdin,
    answers: Receiver<String>,
    served: u32,
}

/// Examines files of one folder.
pub struct Examiner {
    program: Program,
    folder: PathBuf,
    patience: Duration,
    running: Option<Running>,
    unended: u32,
}

impl Examiner {
    /// For the files in this folder. Nothing is started yet.
    pub fn new(program: Program, folder: impl Into<PathBuf>) -> Self {
        Self { program, folder: folder.into(), patience: PATIENCE, running: None, unended: 0 }
    }

    /// With another limit of time for one document.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Examines one file of the folder as a document of that name.
    ///
    /// # Errors
    /// No child can be started, or too many did not end.
    pub fn examine(&mut self, file: &str, name: &[u8]) -> io::Result<Verdict> {
        let (program, words) = match &self.program {
            Program::Child(program, words) => (program.clone(), words.clone()),
            #[cfg(test)]
            Program::InProcess => return Ok(examine_file(&self.folder, file, name)),
        };
        if self.unended >= MOST_UNENDED {
            return Err(io::Error::other("too many examinations did not end"));
        }
        if self.running.as_ref().is_some_and(|r| r.served >= SERVES) {
            self.end();
        }
        let question = Question { file: file.into(), name: STANDARD.encode(name) };
        let line = serde_json::to_string(&question).map_err(io::Error::other)? + "\n";
        if self.running.is_none() {
            self.running = Some(start(&program, &words, &self.folder)?);
        }
        let Some(running) = &mut self.running else { return Err(io::Error::other("no examiner")) };
        running.served += 1;
        let asked = running.questions.write_all(line.as_bytes()).and_then(|()| running.questions.flush());
        let answer = asked.map_err(|_| RecvTimeoutError::Disconnected).and_then(|()| {
            let answer = running.answers.recv_timeout(self.patience)?;
            serde_json::from_str::<Verdict>(&answer).map_err(|_| RecvTimeoutError::Disconnected)
        });
        Ok(answer.unwrap_or_else(|e| {
            self.end();
            self.unended += 1;
            Verdict::not_checkable(match e {
                RecvTimeoutError::Timeout => "its examination did not end in time",
                RecvTimeoutError::Disconnected => "its examination broke off",
            })
        }))
    }

    /// The number of the child that is running.
    pub fn child(&self) -> Option<u32> {
        self.running.as_ref().map(|r| r.child.id())
    }

    fn end(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

impl Drop for Examiner {
    fn drop(&mut self) {
        self.end();
    }
}

fn start(program: &Path, words: &[String], folder: &Path) -> io::Result<Running> {
    let mut command = Command::new(program);
    command.args(words).current_dir(folder).env_clear();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let (Some(questions), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(io::Error::other("the examiner has no pipes"));
    };
    let (send, answers) = channel();
    // Ends with the child, whose death closes the pipe.
    std::thread::spawn(move || {
        let mut output = BufReader::new(output);
        while let Ok(Some(line)) = read_line(&mut output) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    Ok(Running { child, questions, answers, served: 0 })
}

/// The next line; `None` at the end. One that is too long is an error.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    match input.by_ref().take(MAX_LINE).read_line(&mut line)? {
        0 => Ok(None),
        _ if line.ends_with('\n') => Ok(Some(line)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// The child's side: answers questions about files of `folder` until there are no more.
///
/// # Errors
/// Input or output broke off.
pub fn serve(input: &mut impl BufRead, output: &mut impl Write, folder: &Path) -> io::Result<()> {
    while let Some(line) = read_line(input)? {
        let question: Question = serde_json::from_str(&line)?;
        let name = STANDARD.decode(&question.name).map_err(io::Error::other)?;
        let verdict = examine_file(folder, &question.file, &name);
        writeln!(output, "{}", serde_json::to_string(&verdict)?)?;
        output.flush()?;
    }
    Ok(())
}

fn examine_file(folder: &Path, file: &str, name: &[u8]) -> Verdict {
    let read = || {
        let mut bytes = vec![];
        File::open(folder.join(file))?.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes)?;
        io::Result::Ok(bytes)
    };
    let bytes = match read() {
        Ok(bytes) => bytes,
        Err(e) => return Verdict::not_checkable(format!("its examination could not read it: {e}")),
    };
    guarded(|| examine_bytes(name, &bytes))
}

/// A parser that panics costs one document.
fn guarded(examine: impl FnOnce() -> Verdict) -> Verdict {
    catch_unwind(AssertUnwindSafe(examine)).unwrap_or_else(|_| Verdict::not_checkable("its examination broke off"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience: u64) -> (tempfile::TempDir, Examiner) {
        let dir = tempfile::tempdir().unwrap();
        let program = Program::Child("/bin/sh".into(), vec!["-c".into(), script.into()]);
        let examiner = Examiner::new(program, dir.path()).with_patience(Duration::from_millis(patience));
        (dir, examiner)
    }

    #[test]
    fn a_child_that_dies_answers_nonsense_or_never_costs_one_document() {
        let sound = r#"echo '{"verdict":"sound"}'"#;
        let broke_off = Verdict::not_checkable("its examination broke off");
        for (script, first) in [
            (format!("read a; {sound}; read b; {sound}"), Verdict::Sound),
            ("read a; exit 3".into(), broke_off.clone()),
            ("read a; kill -9 $$".into(), broke_off.clone()),
            ("read a; echo {}; read b".into(), broke_off.clone()),
            ("read a; head -c 100000 /dev/zero; read b".into(), broke_off),
            ("exec sleep 60".into(), Verdict::not_checkable("its examination did not end in time")),
        ] {
            let (_dir, mut examiner) = shell(&script, 2000);
            assert_eq!(examiner.examine("1", b"a.docx").unwrap(), first, "{script}");
            if first == Verdict::Sound {
                let child = examiner.child();
                assert_eq!(examiner.examine("2", b"b.docx").unwrap(), first);
                assert_eq!(examiner.child(), child, "one child serves many");
            } else {
                assert_eq!(examiner.child(), None, "{script}");
            }
        }
        let (_dir, mut examiner) = shell("read a; exit 3", 2000);
        assert!((0..MOST_UNENDED).all(|_| examiner.examine("1", b"a").is_ok()));
        assert!(examiner.examine("1", b"a").is_err(), "a run does not wait for ever");
        let mut none = Examiner::new(Program::Child("/nowhere/strongroom".into(), vec![]), "/");
        assert!(none.examine("1", b"a").is_err());
    }

    #[test]
    fn a_parser_that_panics_or_never_ends_costs_one_document() {
        let panicking = guarded(|| std::panic::panic_any("a parser's own invariant"));
        assert!(panicking.is_passing() && matches!(panicking, Verdict::NotCheckable(_)), "{panicking:?}");
        assert_eq!(guarded(|| Verdict::Sound), Verdict::Sound);
        // It computes for ever over one document, and over no other.
        let script = "while read q; do case \"$q\" in *'\"1\"'*) while :; do :; done;; esac; echo '{\"verdict\":\"sound\"}'; done";
        let (_dir, mut examiner) = shell(script, 400);
        assert_eq!(examiner.examine("0", b"a.docx").unwrap(), Verdict::Sound);
        let looping = examiner.examine("1", b"b.docx").unwrap();
        assert_eq!(looping, Verdict::not_checkable("its examination did not end in time"));
        assert_eq!(examiner.examine("2", b"c.docx").unwrap(), Verdict::Sound);
    }

    #[test]
    fn the_child_s_side_answers_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("7"), "plain text").unwrap();
        let line = |file: &str| format!("{{\"file\":\"{file}\",\"name\":\"{}\"}}\n", STANDARD.encode("a/b.txt"));
        let mut output = vec![];
        serve(&mut (line("7") + &line("8")).as_bytes(), &mut output, dir.path()).unwrap();
        let answers: Vec<Verdict> =
            String::from_utf8(output).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(answers[0], Verdict::Sound);
        assert!(matches!(&answers[1], Verdict::NotCheckable(why) if why.contains("could not read it")));
        assert!(serve(&mut &b"rubbish\n"[..], &mut vec![], dir.path()).is_err());
    }
}
