//! The files that start the runs, as text: systemd's units from `config/`, with the schedule and the place of this
//! program put in, and a crontab. Pure. The last line of each says what was written, so that an edit is seen.

use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::cli::stores;
use crate::config::Config;
use crate::service::schedule::Line;

const SERVICE: &str = include_str!("../../../../config/strongroom.service");
const TIMER: &str = include_str!("../../../../config/strongroom.timer");
const FAILED: &str = include_str!("../../../../config/strongroom-failed.service");
const SERVE: &str = include_str!("../../../../config/strongroom-serve.service");
const CRON: &str = include_str!("../../../../config/strongroom.cron");

/// Every file that was ever written, below the root.
pub const ALL: [&str; 7] = [
    "etc/systemd/system/strongroom.timer",
    "etc/systemd/system/strongroom-backups.timer",
    "etc/systemd/system/strongroom-serve.service",
    "etc/systemd/system/strongroom.service",
    "etc/systemd/system/strongroom-backups.service",
    "etc/systemd/system/strongroom-failed.service",
    "etc/cron.d/strongroom",
];
const SEAL: &str = "# Written by strongroom schedule install: ";
const PROGRAM: &str = "/usr/bin/strongroom";
const NO_WRITES: &str = "#ReadWritePaths=/srv/backup\n";

/// What starts the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Timer,
    Serve,
    Cron,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Below the root.
    pub path: PathBuf,
    pub text: String,
    /// It is what systemd must start.
    pub is_started: bool,
}

impl Unit {
    fn new(name: &str, text: String, is_started: bool) -> Self {
        let folder = if name == "strongroom" { "etc/cron.d" } else { "etc/systemd/system" };
        Self { path: PathBuf::from(folder).join(name), text: sealed(&text), is_started }
    }

    pub fn name(&self) -> String {
        self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// The command line of units and crontabs, which read some characters in ways of their own.
///
/// # Errors
/// A path with such a character.
pub fn command(words: &[PathBuf]) -> Result<String, Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@=".contains(c);
    let mut out = vec![];
    for word in words {
        let word = word.to_string_lossy();
        if !word.chars().all(plain) {
            let message = format!("the path {word} has characters that units and crontabs read in ways of their own");
            return Err(Failure::usage(message, "Use a path of letters, digits and / . _ -"));
        }
        out.push(word.into_owned());
    }
    Ok(out.join(" "))
}

/// What is to be written.
///
/// # Errors
/// A schedule with seconds, for a crontab.
pub fn units(config: &Config, by: By, command: &str) -> Result<Vec<Unit>, Failure> {
    let at = |text: &str| text.replace(PROGRAM, command);
    let limit = config.schedule.run_limit.as_secs();
    let writes = writes(config)?;
    let service =
        at(SERVICE).replace("TimeoutStartSec=20h", &format!("TimeoutStartSec={limit}s")).replace(NO_WRITES, &writes);
    let failed = Unit::new("strongroom-failed.service", at(FAILED), false);
    Ok(match by {
        By::Serve => vec![failed, Unit::new("strongroom-serve.service", at(SERVE).replace(NO_WRITES, &writes), true)],
        By::Timer => {
            let mut all = vec![failed];
            let whole = timer(config, &config.schedule.run, "strongroom");
            all.push(Unit::new("strongroom.service", service.clone(), false));
            all.push(Unit::new("strongroom.timer", whole, true));
            if let Some(line) = &config.schedule.backup {
                let text = service
                    .replace(&format!("{command} run"), &format!("{command} run --backups-only"))
                    .replace("back up, test restore, thin, report", "back up between");
                all.push(Unit::new("strongroom-backups.service", text, false));
                all.push(Unit::new("strongroom-backups.timer", timer(config, line, "strongroom-backups"), true));
            }
            all
        }
        By::Cron => vec![Unit::new("strongroom", crontab(config, command)?, false)],
    })
}

/// The folders that a run writes to besides its state: of a repository in a folder, and of the figures.
fn writes(config: &Config) -> Result<String, Failure> {
    let figures = config.metrics_file.as_deref().and_then(Path::parent);
    let folders: Vec<PathBuf> = stores::folder(config).into_iter().chain(figures).map(Path::to_owned).collect();
    Ok(if folders.is_empty() { NO_WRITES.to_owned() } else { format!("ReadWritePaths={}\n", command(&folders)?) })
}

fn timer(config: &Config, line: &Line, name: &str) -> String {
    let zone = config.council.timezone.iana_name().map(|z| format!(" {z}")).unwrap_or_default();
    TIMER
        .replace("OnCalendar=*-*-* 01:30:00", &format!("OnCalendar={}{zone}", line.as_calendar()))
        .replace("RandomizedDelaySec=45min", &format!("RandomizedDelaySec={}s", config.schedule.jitter.as_secs()))
        .replace("strongroom.service", &format!("{name}.service"))
        .replace("every night", "by its schedule")
}

fn crontab(config: &Config, command: &str) -> Result<String, Failure> {
    let line = |line: &Line| {
        line.as_crontab().ok_or_else(|| {
            let message = format!("a crontab knows no seconds, and the schedule has them: {}", line.as_str());
            Failure::usage(message, "Write it with five fields, or use: strongroom schedule install --serve")
        })
    };
    let begin = CRON.find("30 1 * * *").unwrap_or(CRON.len());
    let mut text = CRON[..begin].to_owned();
    text.push_str(&format!("{} root {command} --quiet run --last-good\n", line(&config.schedule.run)?));
    if let Some(backup) = &config.schedule.backup {
        text.push_str(&format!("{} root {command} --quiet run --backups-only --last-good\n", line(backup)?));
    }
    Ok(text)
}

fn sealed(text: &str) -> String {
    format!("{text}{SEAL}{}\n", &blake3::hash(text.as_bytes()).to_hex()[..16])
}

/// Whether this is exactly what some `schedule install` wrote.
pub fn is_unedited(text: &str) -> bool {
    text.rfind(SEAL).is_some_and(|at| sealed(&text[..at]) == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn of(schedule: &str, by: By) -> Vec<Unit> {
        let text = format!("{}\n{schedule}", include_str!("../../../../config/council.minimal.toml"));
        units(&config::parse(&text, "c").unwrap(), by, "/opt/sr --config /c.toml").unwrap()
    }

    #[test]
    fn units_say_what_the_schedule_says() {
        let all = of(
            "[schedule]\nrun = \"0 2 * * SUN\"\nbackup = \"0 12 * * *\"\njitter = \"5 minutes\"\nrun_limit = \"3 hours\"",
            By::Timer,
        );
        let text = |name: &str| &all.iter().find(|u| u.name() == name).unwrap().text;
        let timer = text("strongroom.timer");
        for line in
            ["OnCalendar=Sun *-*-* 02:00:00 Europe/London\n", "RandomizedDelaySec=300s\n", "Unit=strongroom.service\n"]
        {
            assert!(timer.contains(line), "{timer}");
        }
        assert!(text("strongroom.service").contains("\nExecStart=/opt/sr --config /c.toml run --last-good\n"));
        assert!(text("strongroom.service").contains("\nTimeoutStartSec=10800s\n"));
        assert!(text("strongroom-failed.service").contains("\nExecStart=/opt/sr --config /c.toml notify failed\n"));
        let backups = text("strongroom-backups.timer");
        assert!(backups.contains("OnCalendar=*-*-* 12:00:00 Europe/London\n"), "{backups}");
        assert!(backups.contains("Unit=strongroom-backups.service\n"), "{backups}");
        assert!(
            text("strongroom-backups.service")
                .contains("\nExecStart=/opt/sr --config /c.toml run --backups-only --last-good\n")
        );
        assert!(all.iter().all(|u| ALL.iter().any(|known| Path::new(known) == u.path) && is_unedited(&u.text)));
    }

    #[test]
    fn what_a_run_writes_to_is_opened_to_it_and_nothing_else() {
        let minimal = include_str!("../../../../config/council.minimal.toml");
        let text = minimal.replace("s3://bucket/prefix", "file:///srv/backup/a");
        let config = config::parse(&format!("{text}\n[status]\nmetrics = \"/var/lib/m/s.prom\""), "c").unwrap();
        for by in [By::Timer, By::Serve] {
            let all = units(&config, by, "/opt/sr").unwrap();
            let main = all.iter().find(|u| u.name().ends_with(".service") && !u.name().contains("failed")).unwrap();
            assert!(main.text.contains("\nReadWritePaths=/srv/backup/a /var/lib/m\n"), "{}", main.text);
        }
        assert!(of("", By::Serve).iter().all(|u| !u.text.contains("\nReadWritePaths=")));
        let odd = config::parse(&minimal.replace("s3://bucket/prefix", "file:///srv/a%20b"), "c").unwrap();
        assert!(units(&odd, By::Timer, "/opt/sr").is_err());
    }

    #[test]
    fn a_crontab_has_both_lines_and_no_seconds() {
        let all = of("[schedule]\nbackup = \"0 12 * * 1-5\"", By::Cron);
        let lines: Vec<&str> = all[0].text.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())).collect();
        assert_eq!(
            lines,
            [
                "30 1 * * * root /opt/sr --config /c.toml --quiet run --last-good",
                "0 12 * * 1,2,3,4,5 root /opt/sr --config /c.toml --quiet run --backups-only --last-good"
            ]
        );
        let text =
            format!("{}\n[schedule]\nrun = \"5 30 1 * * *\"", include_str!("../../../../config/council.minimal.toml"));
        assert!(units(&config::parse(&text, "c").unwrap(), By::Cron, "x").is_err());
    }

    #[test]
    fn an_edit_is_seen_and_strange_paths_are_refused() {
        let text = of("", By::Serve).pop().unwrap().text;
        assert!(is_unedited(&text) && !is_unedited(&text.replace("Nice=10", "Nice=5")) && !is_unedited("[Unit]\n"));
        assert!(!is_unedited(&format!("{text}#\n")));
        assert!(command(&["/usr/bin/strongroom".into(), "--config".into(), "/etc/a b.toml".into()]).is_err());
        assert!(command(&["/usr/bin/%h".into()]).is_err());
    }
}
