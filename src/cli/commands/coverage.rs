//! `verify coverage`: how long since each byte was brought back, and whether the promise about that can be kept; and
//! what `run`, `status`, `verify restore` and `config check` need of it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::{telling, when};
use crate::config::Config;
use crate::domain::coverage::{Ages, WEEKLY};
use crate::domain::problem::Exit;
use crate::ops::verify::coverage::{Coverage, Promise, coverage, look};
use crate::repo::repository::Repository;
use crate::service::plain::{counted, size};
use crate::service::runner::JobOutcome;
use crate::service::status::CoverageInput;
use crate::service::words::{Counts, JobKind, Outcome, Trouble};

const HINT: &str = "Raise bytes_per_run or bytes_per_month, or promise more weeks: every_byte_within. To test \
                    everything now whatever the limits say: strongroom verify restore --all";

const LIVE_HINT: &str = "Raise live_bytes_per_run, or promise more weeks: every_byte_within. To read them all now: \
                         strongroom verify restore --all";

/// What the configuration promises.
pub fn promise(config: &Config) -> Promise {
    let verify = &config.verify;
    Promise {
        per_run: verify.bytes_per_run,
        per_month: verify.bytes_per_month,
        live_per_run: verify.live_bytes_per_run,
        backups_between: config.schedule.backup.is_some(),
        ..Promise::weeks(verify.every_byte_within_weeks)
    }
}

/// `verify coverage`
///
/// # Errors
/// There is no backup; the log cannot be read.
pub fn run(shell: &Shell, config: &Config, repo: &mut Repository) -> Result<Done, Failure> {
    let found = coverage(repo, &promise(config))?;
    say(shell, config, &found);
    let told = tell(shell, config, &found)?;
    let exit = outcome(&found).exit.worse(told);
    Ok(Done::with_exit(exit)
        .with("bytes", found.all.bytes)
        .with("packs", found.all.packs)
        .with("overdue", found.all.overdue)
        .with("keeps", found.forecast.keeps)
        .with("sustainable", !is_low(&found)))
}

/// The look of a `run`: by the log, whatever became of tonight's test.
///
/// # Errors
/// The log cannot be read.
pub fn of_run(shell: &Shell, config: &Config, repo: &mut Repository) -> Result<JobOutcome, Failure> {
    repo.refresh()?;
    // Without a backup there is nothing to test: the step that makes it has failed and says so.
    let Some(found) = look(repo, &promise(config)) else { return Ok(JobOutcome::done(Counts::default())) };
    if found.is_overdue() {
        shell.out.warn(format!(
            "{} had not been tested within {} as promised: strongroom verify coverage",
            size(found.all.overdue),
            weeks(config)
        ));
    }
    if is_low(&found) {
        shell.out.warn(format!("{}: strongroom verify coverage", too_low(config, &found)));
    } else if let (false, Some(at)) = (found.is_overdue(), found.forecast.breaks) {
        let day = when::shown(at, &config.council.timezone);
        shell.out.warn(format!(
            "As runs are now, a part will not be tested in time, from {day} on: strongroom verify coverage"
        ));
    }
    Ok(outcome(&found))
}

/// Journals and tells what a person's own look found, as that of a run is.
///
/// # Errors
/// The journal cannot be read.
pub fn tell(shell: &Shell, config: &Config, found: &Coverage) -> Result<Exit, Failure> {
    telling::one_job(shell, config, JobKind::Coverage, &outcome(found))
}

/// For the status; `None` where nothing is stored.
pub fn for_status(repo: &Repository, config: &Config) -> Option<CoverageInput> {
    let found = look(repo, &promise(config))?;
    Some(CoverageInput {
        weeks: config.verify.every_byte_within_weeks,
        oldest: found.all.oldest?,
        overdue: found.all.overdue,
        limits_too_low: is_low(&found),
        breaks: found.forecast.breaks,
    })
}

/// Refuses limits that cannot keep the promise for what is stored now.
///
/// # Errors
/// They cannot.
pub fn refuse_limits(repo: &Repository, config: &Config) -> Result<(), Failure> {
    match look(repo, &promise(config)) {
        Some(found) if is_low(&found) => Err(Failure::usage(too_low(config, &found), hint(&found))),
        _ => Ok(()),
    }
}

fn weeks(config: &Config) -> String {
    counted(u64::from(config.verify.every_byte_within_weeks), "week", "weeks")
}

/// Some limit is too low for the promise.
fn is_low(found: &Coverage) -> bool {
    !found.forecast.sustainable || found.live_is_low()
}

fn hint(found: &Coverage) -> &'static str {
    if found.forecast.sustainable { LIVE_HINT } else { HINT }
}

fn too_low(config: &Config, found: &Coverage) -> String {
    let forecast = &found.forecast;
    if forecast.sustainable {
        return format!(
            "reading all files on this computer again within {} needs {} a run; live_bytes_per_run in [verify] allows {}",
            weeks(config),
            size(found.live_needed),
            size(found.promise.live_per_run.unwrap_or(u64::MAX))
        );
    }
    let n = u64::from(config.verify.every_byte_within_weeks).max(1);
    format!(
        "bringing back {} within {} needs {} a week; the limits in [verify] allow {}",
        size(forecast.bytes),
        weeks(config),
        size(forecast.bytes.div_ceil(n)),
        size(forecast.allowed.unwrap_or(u64::MAX) / n)
    )
}

fn outcome(found: &Coverage) -> JobOutcome {
    let f = &found.forecast;
    let troubles: Vec<Trouble> = [
        (found.is_overdue(), Trouble::Overdue),
        (is_low(found), Trouble::LimitsTooLow),
        (!is_low(found) && !f.keeps && !found.is_overdue(), Trouble::FallingBehind),
    ]
    .into_iter()
    .filter_map(|(is_so, trouble)| is_so.then_some(trouble))
    .collect();
    let counts =
        Counts { files: found.all.packs, bytes: found.all.bytes, problems: troubles.len() as u64, ..Counts::default() };
    if troubles.is_empty() {
        return JobOutcome::done(counts);
    }
    JobOutcome::new(Outcome::Incomplete, troubles, counts, Exit::Stale)
}

fn say(shell: &Shell, config: &Config, found: &Coverage) {
    let out = &shell.out;
    out.row(|| in_words(config, found), || as_object(found));
    for (set, ages) in &found.sets {
        let object = || {
            let mut object = of_ages(ages);
            object["message_type"] = "coverage_of_set".into();
            object["set"] = set.as_str().into();
            object
        };
        let line = || format!("Set \"{set}\": {}\n  {}", ages_in_words(config, ages), by_week(ages));
        out.row(line, object);
    }
}

fn in_words(config: &Config, found: &Coverage) -> String {
    let zone = &config.council.timezone;
    let day = |at: Timestamp| when::shown(at, zone);
    let all = &found.all;
    let mut lines = vec![format!("Promised: every byte is brought back within {}.", weeks(config))];
    lines.push(verdict(config, found));
    lines.push(ages_in_words(config, all));
    let mut bars: Vec<String> =
        all.weeks.iter().enumerate().map(|(n, bytes)| format!("  {}: {}", ago(n), share(*bytes, all.bytes))).collect();
    lines.push("Last tested, by week:".into());
    lines.append(&mut bars);
    lines.push("Three facts, each by itself:".into());
    if let Some((oldest, newest)) = found.proved {
        lines.push(format!("  proved when stored: all of it, {} to {}", day(oldest), day(newest)));
    }
    let scrubbed = match found.scrubbed {
        Some(at) => format!("all of it, the oldest {}", day(at)),
        None => share(found.scrubbed_bytes, all.bytes),
    };
    lines.push(format!("  scrubbed by this computer: {scrubbed}"));
    for key in &found.keys {
        let (share, at) = (share(key.bytes, all.bytes), day(key.newest));
        lines.push(format!("  restored with the key of {}: {share}, the newest {at}", key.name));
    }
    if found.keys.is_empty() {
        lines.push("  restored by a keyholder: nothing yet".into());
    }
    lines.join("\n")
}

fn verdict(config: &Config, found: &Coverage) -> String {
    let day = |at: Timestamp| when::shown(at, &config.council.timezone);
    let f = &found.forecast;
    let run = format!("a run takes up to {}", size(f.allowance));
    if found.is_overdue() {
        let much = size(found.all.overdue);
        format!("BROKEN for {much}. To catch up: strongroom verify restore --all")
    } else if is_low(found) {
        format!("It cannot be kept: {}. {}", too_low(config, found), hint(found))
    } else if let Some(at) = f.breaks {
        format!(
            "It holds until {}; then a part will be late, as runs are now ({run}). To catch up: strongroom verify \
             restore --all",
            day(at)
        )
    } else {
        let until = found.all.safe_until.map(|at| format!(" If nothing is tested any more, until {}.", day(at)));
        format!("It holds, and can be kept: {run}.{}", until.unwrap_or_default())
    }
}

fn ages_in_words(config: &Config, ages: &Ages) -> String {
    let oldest = match ages.oldest {
        Some(at) if at == Timestamp::UNIX_EPOCH => "the oldest at a time that is not known: a clock was wrong".into(),
        Some(at) => format!("the oldest was tested or stored {}", when::shown(at, &config.council.timezone)),
        None => "nothing is stored".into(),
    };
    format!(
        "{} in {}: {} tested since it was stored; {oldest}.",
        size(ages.bytes),
        counted(ages.packs, "pack", "packs"),
        share(ages.bytes.saturating_sub(ages.never), ages.bytes)
    )
}

/// The shares of one set, in one line.
fn by_week(ages: &Ages) -> String {
    let shares: Vec<String> = ages.weeks.iter().map(|bytes| share(*bytes, ages.bytes)).collect();
    format!("last tested, week by week from the last 7 days back: {}", shares.join(", "))
}

fn ago(weeks: usize) -> String {
    match weeks {
        0 => "the last 7 days".into(),
        n => format!("{n} to {} weeks ago", n + 1),
    }
}

/// `12.5 %`; never 100 or 0 unless it is all or nothing.
fn share(part: u64, of: u64) -> String {
    let tenths = u128::from(part) * 1000 / u128::from(of.max(1));
    let tenths = if part > 0 { tenths.max(1) } else { 0 };
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn of_ages(ages: &Ages) -> Value {
    json!({
        "bytes": ages.bytes, "packs": ages.packs, "never": ages.never, "overdue": ages.overdue,
        "weeks": ages.weeks, "oldest": ages.oldest, "safe_until": ages.safe_until,
    })
}

fn as_object(found: &Coverage) -> Value {
    let (f, mut object) = (&found.forecast, of_ages(&found.all));
    let key = |k: &crate::ops::verify::coverage::ByKey| json!({"name": k.name, "bytes": k.bytes, "newest": k.newest});
    object["message_type"] = "coverage".into();
    object["within_weeks"] = (found.promise.within.as_secs() / WEEKLY.as_secs()).into();
    object["rhythm_seconds"] = found.rhythm.every.as_secs().into();
    object["rhythm_known"] = found.rhythm.known.into();
    object["forecast"] = json!({
        "keeps": f.keeps, "sustainable": f.sustainable, "breaks": f.breaks, "allowed": f.allowed,
        "needed_per_run": f.needed_per_run, "allowance": f.allowance,
    });
    object["proved"] = json!(found.proved);
    object["scrubbed"] = json!({"bytes": found.scrubbed_bytes, "oldest": found.scrubbed});
    object["live_needed_per_run"] = found.live_needed.into();
    object["restored"] = found.keys.iter().map(key).collect();
    object
}
