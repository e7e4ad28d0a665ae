//! One child of the service: this program, doing one thing, within a time.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use tokio::process::Child;

use crate::cli::args::Globals;
use crate::cli::wiring_service::{kill, start, terminate};
use crate::service::schedule::Round;

/// What a child does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The schedule's work.
    Run(Round),
    /// Tells people what a run could not tell itself.
    Tell,
}

/// A child at work.
pub struct Job {
    pub what: What,
    child: Child,
    began: Instant,
    asked: Option<Instant>,
    killed: bool,
}

impl Job {
    pub fn start(program: &PathBuf, globals: &Globals, what: What) -> io::Result<Self> {
        let mut words: Vec<OsString> = vec![];
        if let Some(config) = &globals.config {
            words.extend(["--config".into(), config.into()]);
        }
        if let Some(home) = &globals.home {
            words.extend(["--home".into(), home.into()]);
        }
        words.extend(globals.json.then(|| "--json".into()));
        words.extend(globals.quiet.then(|| "--quiet".into()));
        words.extend(match what {
            What::Run(Round::Whole) => vec!["run".into(), "--last-good".into()],
            What::Run(Round::Backups) => vec!["run".into(), "--last-good".into(), "--backups-only".into()],
            What::Tell => vec!["notify".into(), "failed".into()],
        });
        let child = start(program, &words)?;
        Ok(Self { what, child, began: Instant::now(), asked: None, killed: false })
    }

    /// Asks it to end when its time is up, and ends it when it does not. Says so once for each.
    pub fn keep_to(&mut self, limit: Duration, patience: Duration) -> Option<String> {
        match self.asked {
            None if self.began.elapsed() >= limit => {
                terminate(&self.child);
                self.asked = Some(Instant::now());
                Some(format!(
                    "It has taken longer than {} and is asked to end.",
                    crate::service::plain::span(limit.as_secs())
                ))
            }
            Some(at) if at.elapsed() >= patience && !self.killed => {
                self.killed = true;
                kill(&self.child);
                Some("It did not end when it was asked to, and was killed.".into())
            }
            _ => None,
        }
    }

    /// When [`Job::keep_to`] has something to do.
    pub fn next_look(&self, limit: Duration, patience: Duration) -> Duration {
        let left = match self.asked {
            _ if self.killed => return Duration::from_secs(60),
            None => limit.saturating_sub(self.began.elapsed()),
            Some(at) => patience.saturating_sub(at.elapsed()),
        };
        left.max(Duration::from_millis(5))
    }

    /// Asks it to end and waits for that, but not for ever.
    pub async fn stop(&mut self, patience: Duration) {
        terminate(&self.child);
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            kill(&self.child);
            // It is gone now, and its number is free again.
            let _ = self.child.wait().await;
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
