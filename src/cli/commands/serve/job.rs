//! One child of the service: this program, doing one thing, within a time. One that even a kill does not end (its disk or
//! network share answers no more) is told of by another, for it never will itself.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use tokio::process::Child;

use crate::cli::args::Globals;
use crate::cli::wiring_service::{kill, start, terminate};
use crate::service::schedule::Round;

/// A reminder a day.
pub const DAILY: Duration = Duration::from_secs(22 * 60 * 60);
/// After a kill, when the service itself must end.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// What a child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The schedule's work.
    Run(Round),
    /// Sends what waits.
    Send,
    /// Tells people what a run could not tell itself.
    Tell,
    /// The same, beside a run that was killed and is there all the same.
    TellBeside,
}

/// How long ago what happened to a child did.
#[derive(Debug, Clone, Copy, Default)]
struct Ages {
    began: Duration,
    asked: Option<Duration>,
    killed: Option<Duration>,
    told: Option<Duration>,
}

/// What a child that is still there makes necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Ask,
    Kill,
    Tell,
}

/// The next step, and in how long: each waits for the one before.
fn next(ages: Ages, limit: Duration, patience: Duration) -> (Step, Duration) {
    let left = |whole: Duration, age: Duration| whole.saturating_sub(age);
    match (ages.asked, ages.killed, ages.told) {
        (_, Some(_), Some(told)) => (Step::Tell, left(DAILY, told)),
        (_, Some(killed), None) => (Step::Tell, left(patience, killed)),
        (Some(asked), None, _) => (Step::Kill, left(patience, asked)),
        (None, None, _) => (Step::Ask, left(limit, ages.began)),
    }
}

/// What the service has to do about a child.
pub enum Said {
    /// Something was done about it.
    Words(String),
    /// It outlived its kill: people must be told, beside it.
    Outlived,
}

/// A child at work.
pub struct Job {
    pub what: What,
    child: Child,
    began: Instant,
    asked: Option<Instant>,
    killed: Option<Instant>,
    told: Option<Instant>,
}

impl Job {
    pub fn start(program: &PathBuf, globals: &Globals, state_dir: &Path, what: What) -> io::Result<Self> {
        let mut words: Vec<OsString> = vec![];
        if let Some(config) = &globals.config {
            words.extend(["--config".into(), config.into()]);
        }
        if let Some(home) = &globals.home {
            words.extend(["--home".into(), home.into()]);
        }
        words.extend(globals.json.then(|| "--json".into()));
        words.extend(globals.quiet.then(|| "--quiet".into()));
        for (flag, limit) in [("--limit-upload", globals.limit_upload), ("--limit-download", globals.limit_download)] {
            words.extend(limit.into_iter().flat_map(|bytes| [flag.into(), bytes.0.to_string().into()]));
        }
        words.extend(match what {
            What::Run(Round::Whole) => vec!["run".into(), "--last-good".into()],
            What::Run(Round::Backups) => vec!["run".into(), "--last-good".into(), "--backups-only".into()],
            What::Send => vec!["notify".into(), "send".into()],
            What::Tell => vec!["notify".into(), "failed".into()],
            What::TellBeside => vec!["notify".into(), "failed".into(), "--outlived".into()],
        });
        let child = start(program, &words, state_dir)?;
        Ok(Self { what, child, began: Instant::now(), asked: None, killed: None, told: None })
    }

    fn ages(&self) -> Ages {
        let age = |at: Option<Instant>| at.map(|at| at.elapsed());
        Ages { began: self.began.elapsed(), asked: age(self.asked), killed: age(self.killed), told: age(self.told) }
    }

    /// Asks it to end when its time is up, ends it when it does not, and calls for help daily when even that is in vain.
    pub fn keep_to(&mut self, limit: Duration, patience: Duration) -> Option<Said> {
        let (step, left) = next(self.ages(), limit, patience);
        if !left.is_zero() {
            return None;
        }
        let now = Some(Instant::now());
        Some(match step {
            Step::Ask => {
                terminate(&self.child);
                self.asked = now;
                let limit = crate::service::plain::span(limit.as_secs());
                Said::Words(format!("It has taken longer than {limit} and is asked to end."))
            }
            Step::Kill => {
                kill(&self.child);
                self.killed = now;
                Said::Words("It did not end when it was asked to, and was killed.".into())
            }
            Step::Tell => {
                self.told = now;
                Said::Outlived
            }
        })
    }

    /// When [`Job::keep_to`] has something to do.
    pub fn next_look(&self, limit: Duration, patience: Duration) -> Duration {
        next(self.ages(), limit, patience).1.clamp(Duration::from_millis(5), Duration::from_secs(60))
    }

    /// Whether it outlived its kill, and people were to be told of it.
    pub fn is_beyond_help(&self) -> bool {
        self.told.is_some()
    }

    /// Asks it to end and waits for that, but not for ever.
    pub async fn stop(&mut self, patience: Duration) {
        terminate(&self.child);
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            kill(&self.child);
            // Mostly it is gone now, and its number is free again; one that hangs in the system is left to the system.
            let _ = tokio::time::timeout(LAST_WAIT.min(patience), self.child.wait()).await;
        }
    }
}

/// Waits for the end of a job; without one, for ever.
pub async fn end_of(job: &mut Option<Job>) -> io::Result<ExitStatus> {
    match job {
        Some(job) => job.child.wait().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_asked_then_killed_then_told_of_and_told_of_again_each_day() {
        let (s, limit, patience) = (Duration::from_secs, Duration::from_secs(100), Duration::from_secs(10));
        let after = |ages| next(ages, limit, patience);
        let began = Ages { began: s(40), ..Ages::default() };
        assert_eq!(after(began), (Step::Ask, s(60)));
        assert_eq!(after(Ages { began: s(100), ..began }), (Step::Ask, s(0)));
        let asked = Ages { began: s(103), asked: Some(s(3)), ..began };
        assert_eq!(after(asked), (Step::Kill, s(7)));
        // Gone or not: as long as it is there, a kill is not the end of it.
        let killed = Ages { asked: Some(s(14)), killed: Some(s(4)), ..asked };
        assert_eq!(after(killed), (Step::Tell, s(6)));
        assert_eq!(after(Ages { killed: Some(s(11)), ..killed }), (Step::Tell, s(0)));
        let told = Ages { killed: Some(s(3611)), told: Some(s(3600)), ..killed };
        assert_eq!(after(told), (Step::Tell, DAILY - s(3600)));
        assert_eq!(after(Ages { told: Some(DAILY), ..told }), (Step::Tell, s(0)));
    }
}
