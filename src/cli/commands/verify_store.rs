//! `verify store`: what the store does for what lies in it; and what `run`, `status` and `doctor` need of it.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::cli::failure::Failure;
use crate::cli::output::Done;
use crate::cli::shell::Shell;
use crate::cli::{stores, telling};
use crate::config::Config;
use crate::domain::log::guards::{GuardSeen, Shown, StoreTested};
use crate::domain::problem::{Exit, Verdict};
use crate::ops::verify::store::{Claims, StoreReport, is_due, store};
use crate::repo::repository::Repository;
use crate::service::plain::{People, counted, list};
use crate::service::runner::JobOutcome;
use crate::service::status::StoreInput;
use crate::service::words::{Counts, JobKind, Outcome, Trouble};

const BROKEN: &str = "The store does not do what is claimed or needed of it. Set the bucket up so that it does, or correct \
                      [repository] claims: what is claimed and does not hold protects nobody.";
const UNPROVED: &str = "Some of what is claimed could not be shown: see why above. Give the credentials the rights to look, such as \
                        s3:GetBucketVersioning, or correct [repository] claims.";
const UNASKED: &str = "Some of what is claimed can never be shown here, since this program cannot ask stores of this kind. The \
                       status goes on to say so; look in the provider's own console.";

/// What the configuration claims.
fn claims(config: &Config) -> Claims {
    let claims = config.repository.claims;
    Claims { lock_days: claims.object_lock_days, version_days: claims.versioning_days }
}

/// `verify store`
///
/// # Errors
/// The store cannot be tried out at all.
pub fn run(shell: &Shell, config: &Config, repo: &mut Repository) -> Result<Done, Failure> {
    let report = test(shell, config, repo)?;
    say(shell, config, &report);
    let told = telling::one_job(shell, config, JobKind::Store, &outcome(&report))?;
    let t = &report.tested;
    let n = |shown| t.seen.iter().filter(|s| s.shown == shown).count();
    Ok(Done::with_exit(report.exit().worse(told))
        .with("protected", n(Shown::Protected))
        .with("not_protected", n(Shown::NotProtected))
        .with("inconclusive", n(Shown::Inconclusive))
        .with("broken", t.broken().count())
        .with("unproved", t.unproved().count())
        .with("sampled", t.sampled)
        .with("locked", t.locked)
        .with("entry", report.entry))
}

/// The test of a `run`, where it is due. What went well is said in few words.
///
/// # Errors
/// As [`run`].
pub fn of_run(shell: &Shell, config: &Config, repo: &mut Repository) -> Result<JobOutcome, Failure> {
    repo.refresh()?;
    let every = SignedDuration::from_hours(24 * i64::from(config.verify.store_every_days));
    if !is_due(repo.state(), &claims(config), every, shell.env.clock.now()) {
        return Ok(JobOutcome::done(Counts::default()));
    }
    let report = test(shell, config, repo)?;
    if !report.tested.holds() || shell.out.is_json() {
        say(shell, config, &report);
    } else if claims(config).any() {
        shell.out.say("The store was tested: it does what is claimed of it.");
    }
    Ok(outcome(&report))
}

/// Whether a `run` looks at the store itself: a folder protects nothing, and never claims to.
pub fn is_looked_at(config: &Config) -> bool {
    stores::folder(config).is_none()
}

fn test(shell: &Shell, config: &Config, repo: &mut Repository) -> Result<StoreReport, Failure> {
    let progress = shell.progress();
    let report = store(repo, &claims(config), &progress, &shell.stop)?;
    progress.finish();
    Ok(report)
}

/// For the status: nothing where nothing is claimed and nothing is wrong.
pub fn for_status(repo: &Repository, config: &Config) -> Option<StoreInput> {
    let now = claims(config);
    let short = |seen: &GuardSeen| seen.guard.short();
    let Some((at, t)) = &repo.state().store_test else {
        return now.any().then(|| StoreInput { at: None, broken: vec![], unproved: vec![] });
    };
    let (broken, unproved): (Vec<_>, Vec<_>) = (t.broken().map(short).collect(), t.unproved().map(short).collect());
    if !t.claimed(now.lock_days, now.version_days) {
        return now.any().then_some(StoreInput { at: None, broken, unproved });
    }
    (now.any() || !t.holds()).then_some(StoreInput { at: Some(*at), broken, unproved })
}

/// For `doctor`: what the last test found, and what to do.
pub fn for_doctor(repo: &Repository, config: &Config, people: &People) -> (Verdict, &'static str) {
    const AGAIN: &str = "Run: strongroom verify store";
    let now = claims(config);
    let Some((at, t)) = &repo.state().store_test else {
        return (Verdict::NotChecked("that was never tested".into()), AGAIN);
    };
    let when = people.day(*at);
    let names = |all: Vec<&str>| list(&all);
    let broken: Vec<&str> = t.broken().map(|s| s.guard.short()).collect();
    let unproved: Vec<&str> = t.unproved().map(|s| s.guard.short()).collect();
    if !t.claimed(now.lock_days, now.version_days) {
        return (Verdict::NotChecked(format!("the claims changed after the last test, of {when}")), AGAIN);
    }
    match (broken.is_empty(), unproved.is_empty()) {
        (false, _) => (Verdict::Failed(format!("not on {when}: {}", names(broken))), AGAIN),
        (true, false) => (Verdict::NotChecked(format!("not shown on {when}: {}", names(unproved))), AGAIN),
        (true, true) => (Verdict::Passed, ""),
    }
}

fn say(shell: &Shell, config: &Config, report: &StoreReport) {
    let t = &report.tested;
    for seen in &t.seen {
        shell.out.row(|| in_words(seen), || as_object(seen));
    }
    if let Some(line) = locks(t, |at| telling::people(config).day(at)) {
        shell.out.say(line);
    }
    if t.broken().next().is_some() {
        shell.out.warn(BROKEN);
    } else if t.unshown().next().is_some() {
        shell.out.warn(UNPROVED);
    } else if t.unproved().next().is_some() {
        shell.out.warn(UNASKED);
    } else if claims(config).any() {
        shell.out.say("The store does what is claimed of it.");
    } else {
        shell
            .out
            .say("Nothing is claimed of this store in [repository] claims: what is not protected above is no failure.");
    }
    if report.entry.is_none() {
        shell.out.warn("This computer may not record the result in the log: it is a writer's or tester's word.");
    }
}

fn in_words(seen: &GuardSeen) -> String {
    let shown = match seen.shown {
        Shown::Protected => "protected",
        Shown::NotProtected => "not protected",
        Shown::Inconclusive => "inconclusive",
    };
    let claimed = if seen.claimed { " (claimed or needed)" } else { "" };
    let ground = seen.ground.map(|g| format!(": {}", g.words())).unwrap_or_default();
    format!("{shown:<13}  {}{claimed}{ground}", seen.guard.words())
}

fn locks(t: &StoreTested, day: impl Fn(jiff::Timestamp) -> String) -> Option<String> {
    let asked = counted(t.sampled, "pack", "packs");
    let first = t.locked_until.map(|at| format!(", the first until {}", day(at))).unwrap_or_default();
    let short = match t.short {
        0 => String::new(),
        n => format!("; {n} for less than claimed"),
    };
    (t.locked + t.short > 0)
        .then(|| format!("Of {asked} asked for, {} locked now{first}{short}.", counted(t.locked, "is", "are")))
}

fn as_object(seen: &GuardSeen) -> Value {
    json!({
        "message_type": "guard", "guard": seen.guard, "shown": seen.shown, "ground": seen.ground,
        "claimed": seen.claimed, "what": seen.guard.words(), "why": seen.ground.map(|g| g.words()),
    })
}

fn outcome(report: &StoreReport) -> JobOutcome {
    let t = &report.tested;
    let problems = (t.broken().count() + t.unproved().count()) as u64;
    let counts = Counts { files: t.seen.len() as u64, problems, ..Counts::default() };
    match report.exit() {
        // What this kind of store can never show stands in the status, and is told to nobody night after night.
        Exit::Done | Exit::Incomplete if t.is_settled() => JobOutcome::done(counts),
        Exit::Incomplete => JobOutcome::new(Outcome::Incomplete, vec![Trouble::Incomplete], counts, Exit::Incomplete),
        exit => JobOutcome::new(Outcome::Failed, vec![Trouble::Unprotected], counts, exit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::log::guards::{Ground, Guard};

    #[test]
    fn a_line_says_what_why_and_whether_it_counts() {
        let seen = |guard, shown, ground, claimed| in_words(&GuardSeen { guard, shown, ground, claimed });
        assert_eq!(
            seen(Guard::PutIfAbsent, Shown::Protected, None, true),
            "protected      of two that write one name at once, one wins (claimed or needed)"
        );
        assert_eq!(
            seen(Guard::Versioning, Shown::NotProtected, Some(Ground::NoVersions), false),
            "not protected  what is deleted can still be read, as an older version: the store keeps no older versions"
        );
        assert_eq!(
            seen(Guard::Lifecycle, Shown::Inconclusive, Some(Ground::NoPermission), true),
            "inconclusive   no rule of the store deletes backups or puts them away (claimed or needed): these credentials \
             may not look"
        );
    }

    #[test]
    fn what_can_never_be_shown_is_told_to_nobody_and_what_could_be_is() {
        let found = |shown, ground| {
            let seen = vec![GuardSeen { guard: Guard::ObjectLock, shown, ground: Some(ground), claimed: true }];
            let tested = StoreTested { seen, ..StoreTested::default() };
            outcome(&StoreReport { tested, began: jiff::Timestamp::UNIX_EPOCH, entry: None })
        };
        let never = found(Shown::Inconclusive, Ground::NoCall);
        assert_eq!((never.outcome, never.exit, never.counts.problems), (Outcome::Done, Exit::Done, 1));
        assert!(never.troubles.is_empty());
        assert_eq!(found(Shown::Inconclusive, Ground::NoPermission).troubles, [Trouble::Incomplete]);
        assert_eq!(found(Shown::NotProtected, Ground::NoLock).troubles, [Trouble::Unprotected]);
    }

    #[test]
    fn locks_are_counted_where_there_are_any() {
        let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
        let until = Some("2026-12-22T00:00:00Z".parse().unwrap());
        let tested = |sampled, locked, short, locked_until| {
            locks(&StoreTested { sampled, locked, short, locked_until, ..StoreTested::default() }, day)
        };
        assert_eq!(tested(20, 0, 0, None), None);
        let all = "Of 20 packs asked for, 20 are locked now, the first until 2026-12-22.";
        assert_eq!(tested(20, 20, 0, until).as_deref(), Some(all));
        let some = "Of 3 packs asked for, 1 is locked now, the first until 2026-12-22; 2 for less than claimed.";
        assert_eq!(tested(3, 1, 2, until).as_deref(), Some(some));
    }
}
