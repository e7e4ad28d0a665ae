//! Progress: a bar on a terminal, a line now and then elsewhere.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::Out;
use crate::domain::problem::Problem;
use crate::ops::Monitor;
use crate::service::plain::number;

/// Between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// Shows what an operation reports.
pub struct Progress {
    out: Arc<Out>,
    terminal: bool,
    now: Mutex<Stage>,
}

struct Stage {
    what: String,
    total: Option<u64>,
    done: u64,
    said: Instant,
    bar: Option<ProgressBar>,
}

impl Stage {
    /// None has begun.
    fn none() -> Self {
        Self { what: String::new(), total: Some(0), done: 0, said: Instant::now(), bar: None }
    }
}

impl Progress {
    /// On `out`; `terminal`: the error stream is one.
    pub fn new(out: Arc<Out>, terminal: bool) -> Self {
        Self { out, terminal, now: Mutex::new(Stage::none()) }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        let mut now = self.lock();
        self.out.set_bar(None);
        if let Some(bar) = now.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Stage> {
        self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn is_shown(&self) -> bool {
        !self.out.is_json() && !self.out.is_quiet()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn bar(what: &str, total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let shape = if total.is_some() { "{msg} {bar:30} {percent} %  {elapsed}" } else { "{msg} {spinner} {elapsed}" };
    if let Ok(style) = ProgressStyle::with_template(shape) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

impl Monitor for Progress {
    fn stage(&self, what: &str, total: Option<u64>) {
        self.finish();
        if !self.is_shown() || total == Some(0) {
            *self.lock() = Stage::none();
            return;
        }
        let mut now = self.lock();
        *now = Stage { what: what.to_owned(), total, done: 0, said: Instant::now(), bar: None };
        if self.terminal {
            let bar = bar(what, total);
            self.out.set_bar(Some(bar.clone()));
            now.bar = Some(bar);
        } else {
            self.out.to_stderr(&format!("{what} ..."));
        }
    }

    fn advance(&self, amount: u64) {
        let mut now = self.lock();
        now.done = now.done.saturating_add(amount);
        if let Some(bar) = &now.bar {
            bar.set_position(now.done);
        } else if self.is_shown() && !self.terminal && now.total != Some(0) && now.said.elapsed() >= BETWEEN_LINES {
            now.said = Instant::now();
            let line = match now.total.filter(|t| *t > 0) {
                Some(total) => format!("{} ... {} %", now.what, now.done.min(total) * 100 / total),
                None => format!("{} ... {}", now.what, number(now.done)),
            };
            self.out.to_stderr(&line);
        }
    }

    fn problem(&self, problem: &Problem) {
        self.out.problem(problem);
    }
}
