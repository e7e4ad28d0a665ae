//! What starts the runs on this computer, as far as files and locks show it.

use std::path::Path;

use serde::Serialize;

use crate::cli::commands::serve::LOCK;
use crate::config::Config;
use crate::repo::local::try_lock;

/// systemd's folders: for people, and for packages.
const UNITS: [&str; 3] = ["etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"];

/// A unit on this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// It is not there.
    No,
    /// It is there, and systemd does not start it.
    NotEnabled,
    /// systemd starts it.
    Enabled,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Starters {
    /// `strongroom.timer`.
    pub timer: Found,
    /// `strongroom-serve.service`.
    pub service: Found,
    /// `strongroom serve` is at work now, however it was started.
    pub serving: bool,
    /// A line in a crontab.
    pub cron: bool,
}

/// Looks.
pub fn find(root: &Path, config: &Config) -> Starters {
    let unit = |name: &str, wanted: &str| {
        let link = root.join(UNITS[0]).join(format!("{wanted}.wants")).join(name);
        // The link leads to a place below the real root; that it is there is enough.
        if std::fs::symlink_metadata(link).is_ok() {
            Found::Enabled
        } else if UNITS.iter().any(|folder| root.join(folder).join(name).exists()) {
            Found::NotEnabled
        } else {
            Found::No
        }
    };
    let lock = config.state_dir.join(LOCK);
    Starters {
        timer: unit("strongroom.timer", "timers.target"),
        service: unit("strongroom-serve.service", "multi-user.target"),
        // Without the file nobody ever held it, and none is made by looking.
        serving: lock.exists() && matches!(try_lock(&lock), Ok(None)),
        cron: root.join("etc/cron.d/strongroom").exists(),
    }
}

impl Starters {
    /// Whether anything starts the runs.
    pub fn any(&self) -> bool {
        self.count() > 0
    }

    /// How many things start the runs.
    pub fn count(&self) -> usize {
        [self.timer == Found::Enabled, self.serving, self.cron].into_iter().filter(|is| *is).count()
    }

    /// In words.
    pub fn lines(&self) -> Vec<String> {
        let unit = |name: &str, found: Found| match found {
            Found::No => None,
            Found::NotEnabled => {
                Some(format!("{name} is installed, but systemd does not start it: systemctl enable --now {name}"))
            }
            Found::Enabled => Some(format!("{name} is installed, and systemd starts it.")),
        };
        let mut lines: Vec<String> =
            [unit("strongroom.timer", self.timer), unit("strongroom-serve.service", self.service)]
                .into_iter()
                .flatten()
                .collect();
        lines.extend(self.serving.then(|| "strongroom serve is at work.".to_owned()));
        lines.extend(self.cron.then(|| "A crontab starts the runs: /etc/cron.d/strongroom".to_owned()));
        if lines.is_empty() {
            lines.push("Nothing on this computer starts the runs. Run: strongroom schedule install".to_owned());
        }
        lines
    }
}
