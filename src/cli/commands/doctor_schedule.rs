//! The part of `doctor` that looks at the clock's side: does anything start the runs, and did they run?

use std::path::Path;

use super::doctor::Lines;
use super::schedule::find;
use crate::cli::telling;
use crate::config::Config;
use crate::domain::problem::Verdict;
use crate::service::history::fold;
use crate::service::schedule::{latest, next};
use crate::service::words::JobKind;

pub fn look(lines: &mut Lines<'_>, config: &Config) {
    if config.trial {
        return;
    }
    let (now, zone) = (lines.shell.env.clock.now(), &config.council.timezone);
    let state = lines.shell.journal(config).read().map(|all| fold(&all.entries)).unwrap_or_default();
    let people = telling::people(config);
    let schedule = &config.schedule;
    let late = latest(schedule, &state.begun, now, zone).filter(|(slot, served)| {
        let patience = schedule.jitter + schedule.run_limit + schedule.grace;
        !served && now.duration_since(*slot) > patience
    });
    let ever = state.begun.whole.is_some();
    let install = "Run: strongroom schedule install";
    let found = find(Path::new("/"), config).any();
    lines.add("something starts the runs", &starts(found, late.is_some(), ever), install);
    let verdict = match late {
        None => Verdict::Passed,
        Some(_) if !ever => Verdict::NotChecked("none has run yet".into()),
        Some((slot, _)) => Verdict::Failed(format!("the run of {} never began", people.moment(slot))),
    };
    lines.add("the last run of the schedule began", &verdict, "See: strongroom schedule status");
    if let Some((at, _)) = next(schedule, now, zone, 1).first() {
        lines.add(&format!("the next run is due {}", people.moment(*at)), &Verdict::Passed, "");
    }
    for (name, set) in telling::set_names(config).unwrap_or_default().into_iter().zip(&config.sets) {
        let what = format!("set {} was backed up in time", name.as_str());
        let verdict = match state.last_good.get(&(JobKind::Backup, Some(name))) {
            None => Verdict::NotChecked("this computer has made no backup of it yet".into()),
            Some(last) => match schedule.overdue_from(last.at, set.max_age, zone) {
                Some(from) if from < now => Verdict::Failed(format!("the last one is of {}", people.moment(last.at))),
                _ => Verdict::Passed,
            },
        };
        lines.add(&what, &verdict, "See: strongroom status");
    }
}

/// Something else may start them, which can be seen by the runs alone.
fn starts(found: bool, late: bool, ever: bool) -> Verdict {
    match late && ever {
        _ if found => Verdict::Passed,
        true => Verdict::Failed("no timer, service or crontab line was found, and a run is missing".into()),
        false => Verdict::NotChecked("no timer, service or crontab line of this program was found".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_the_runs_is_a_problem_only_where_one_is_missing() {
        let word = |found, late, ever| match starts(found, late, ever) {
            Verdict::Passed => "ok",
            Verdict::Failed(_) => "problem",
            Verdict::NotChecked(_) => "not checked",
        };
        assert_eq!((word(true, true, true), word(true, false, false)), ("ok", "ok"));
        assert_eq!(word(false, true, true), "problem");
        // They may be started from elsewhere, or by hand so far.
        assert_eq!((word(false, false, true), word(false, true, false)), ("not checked", "not checked"));
    }
}
