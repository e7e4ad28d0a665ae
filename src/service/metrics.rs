//! The status as figures for Prometheus, in its text format. Pure.
//!
//! Set names and numbers only: no path, no record, no address. The names of the figures are a promise to dashboards.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::service::status::{Light, Status, StatusInput};

/// The file's text. A time that is not known is left out: a figure that is absent must alarm, not a zero.
pub fn text(input: &StatusInput<'_>, status: &Status, next: Option<Timestamp>) -> String {
    let mut out = String::new();
    let mut figure = |name: &str, help: &str, values: &[(String, i64)]| {
        if values.is_empty() {
            return;
        }
        let _ = writeln!(out, "# HELP strongroom_{name} {help}\n# TYPE strongroom_{name} gauge");
        for (labels, value) in values {
            let _ = writeln!(out, "strongroom_{name}{labels} {value}");
        }
    };
    let plain = |value: i64| vec![(String::new(), value)];
    let light = match status.light {
        Light::Green => 0,
        Light::Amber | Light::Trial => 1,
        Light::Red => 2,
    };
    figure("status", "0 all well, 1 something should be done, 2 a problem.", &plain(light));
    figure("stale", "1 if a backup or a test is overdue.", &plain(i64::from(status.stale)));
    figure("exit_code", "What strongroom status ends with.", &plain(i64::from(status.exit)));
    figure("written_timestamp_seconds", "When this file was written.", &plain(input.now.as_second()));
    let label = |name: &str| format!("{{set=\"{name}\"}}");
    let mut sets = |name: &str, help: &str, value: &dyn Fn(&super::status::SetInput) -> Option<i64>| {
        let values: Vec<(String, i64)> =
            input.sets.iter().filter_map(|s| Some((label(s.name.as_str()), value(s)?))).collect();
        figure(name, help, &values);
    };
    sets("set_last_success_timestamp_seconds", "The set's last good backup.", &|s| Some(s.last?.at.as_second()));
    sets("set_overdue_timestamp_seconds", "From when the set is overdue.", &|s| {
        Some(s.last?.at.saturating_add(s.max_age).ok()?.as_second())
    });
    sets("set_files", "Files in the set's last good backup.", &|s| i64::try_from(s.last?.files).ok());
    sets("set_bytes", "Bytes in the set's last good backup.", &|s| i64::try_from(s.last?.bytes).ok());
    sets("set_problems", "Files of the set that could not be read.", &|s| i64::try_from(s.last?.problems).ok());
    let open = input.open.len() + input.untold_incidents() + input.voids.len();
    figure("open_problems", "Problems that somebody must act on.", &plain(i64::try_from(open).unwrap_or(i64::MAX)));
    if let Some(test) = input.last_test {
        figure("last_test_timestamp_seconds", "The last test restore that passed.", &plain(test.at.as_second()));
    }
    if let Some(drill) = input.drill {
        figure("last_drill_timestamp_seconds", "The last drill.", &plain(drill.at.as_second()));
    }
    if let Some(next) = next {
        figure("next_run_timestamp_seconds", "When the schedule asks for the next run.", &plain(next.as_second()));
    }
    out
}

/// What stands in the file when the status itself could not be worked out.
pub fn broken(now: Timestamp) -> String {
    format!(
        "# HELP strongroom_status 0 all well, 1 something should be done, 2 a problem.\n# TYPE strongroom_status gauge\n\
         strongroom_status 2\n# HELP strongroom_written_timestamp_seconds When this file was written.\n\
         # TYPE strongroom_written_timestamp_seconds gauge\nstrongroom_written_timestamp_seconds {}\n",
        now.as_second()
    )
}
