//! What a test restore says about files on this computer that it read again.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::when;
use crate::config::Config;
use crate::domain::path::RecordPath;
use crate::domain::problem::{Problem, ProblemKind};
use crate::ops::verify::VerifyReport;
use crate::service::plain::{counted, size};

/// How much was read again, and what is left.
pub fn say(shell: &Shell, config: &Config, report: &VerifyReport) {
    let Some(live) = &report.live else { return };
    if let Some(why) = &live.skipped {
        shell.out.warn(not_done(why, live.last, &config.council.timezone));
        return;
    }
    if live.files > 0 {
        let files = counted(live.files, "file was", "files were");
        shell.out.say(format!("On this computer {files} read again and compared ({}).", size(live.bytes)));
    }
    if live.unreadable > 0 {
        let files = counted(live.unreadable, "file", "files");
        shell.out.warn(format!(
            "On this computer {files} could not be read again: see above. Look at the disk first, then at permissions."
        ));
    }
    if live.left > 0 {
        shell.out.say(format!("{} left for the next run to read again.", counted(live.left, "file is", "files are")));
    }
    if live.late {
        shell.out.warn(
            "Reading the files on this computer again is late: let runs be more frequent, or raise live_bytes_per_run. \
             To read them all now: strongroom verify restore --all",
        );
    }
}

/// Why nothing was read again, and when it last was.
fn not_done(why: &str, last: Option<Timestamp>, zone: &TimeZone) -> String {
    let last = match last {
        Some(at) => format!("Reading was last up to date {}.", when::shown(at, zone)),
        None => "This computer does not know when it last was.".into(),
    };
    format!("No file on this computer was read again: {why}. Is its disk or share connected? {last}")
}

/// For the summary.
pub fn summary(done: Done, report: &VerifyReport) -> Done {
    let Some(live) = &report.live else { return done };
    let object = json!({
        "files": live.files, "bytes": live.bytes, "left": live.left, "late": live.late,
        "unreadable": live.unreadable, "skipped": live.skipped, "last": live.last,
    });
    done.with("live", object)
}

/// Files on this computer that differ from their good backups, or cannot be read. Where the backup did not come back either,
/// nobody can say which of the two is right: that is told as damage.
pub fn differing(report: &VerifyReport) -> u64 {
    let stored = |path: &RecordPath| report.failed.iter().any(|d| d.records.contains(path));
    let of_disk = |p: &&Problem| matches!(p.kind, ProblemKind::Changed | ProblemKind::Unreadable);
    let found = report.problems.iter().filter(of_disk).filter_map(|p| p.path.as_ref());
    found.filter(|path| !stored(path)).count() as u64
}

/// Whether every file was read again, and nothing was found.
pub fn is_all_sound(report: &VerifyReport) -> bool {
    let read = report.live.as_ref().is_some_and(|live| live.skipped.is_none() && live.left == 0);
    read && report.problems.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_skipped_says_when_it_was_last_done() {
        let (why, at) = ("the folder /srv/x is not there", "2026-11-20T01:30:00Z".parse().ok());
        let said = not_done(why, at, &TimeZone::UTC);
        let words = "No file on this computer was read again: the folder /srv/x is not there. Is its disk or share connected? \
                     Reading was last up to date 2026-11-20 01:30.";
        assert_eq!(said, words);
        assert!(
            not_done(why, None, &TimeZone::UTC).ends_with(" connected? This computer does not know when it last was.")
        );
    }
}
