//! From the configuration to people: the fields of every message, and the mail server that takes it.

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Handle;

use super::failure::Failure;
use super::hints::advice;
use super::shell::Shell;
use super::ways;
use crate::config::{Config, ConfigError, Environment, ProtectedSet, Tls};
use crate::domain::problem::Exit;
use crate::service::history::fold;
use crate::service::journal::{Event, Journal, JournalEntry};
use crate::service::mail::{MailSettings, Mailer, SmtpMailer, TlsMode, Unusable};
use crate::service::plain::{Elsewhere, People, Plain};
use crate::service::post::{Post, Posted, Ways};
use crate::service::retention::News;
use crate::service::retention_notices;
use crate::service::runner::{Job, JobOutcome, RunSummary, Runner};
use crate::service::words::{JobKind, Role, SetName};

/// How a certificate begins.
const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The configured fields of every message.
pub fn people(config: &Config) -> People {
    let council = &config.council;
    let elsewhere = config.elsewhere.get("email");
    People {
        council: Plain::new(&council.name),
        provider: Plain::new(&council.provider.name),
        phone: Plain::new(&council.provider.phone),
        email_set: config.sets.iter().any(|s| s.name.eq_ignore_ascii_case("email")),
        elsewhere: elsewhere.map(|e| Elsewhere { by: Plain::new(&e.by), checked: e.checked }),
        zone: council.timezone.clone(),
        clerk_is_told: !config.ways_to(Role::Clerk).is_empty(),
    }
}

/// The configured sets, as messages name them.
///
/// # Errors
/// A name that no message can carry.
pub fn set_names(config: &Config) -> Result<Vec<SetName>, Failure> {
    config.sets.iter().map(|s| set_name(&s.name)).collect()
}

/// One set's name, as messages carry it.
///
/// # Errors
/// A name that no message can carry.
pub fn set_name(name: &str) -> Result<SetName, Failure> {
    let wrong = |_| {
        let hint = "Give the [[set]] a name of at most 40 letters, digits, - and _.";
        Failure::usage(format!("the set's name '{name}' is too long for messages"), hint)
    };
    SetName::new(name).map_err(wrong)
}

/// Does the jobs, journals them, and tells people.
///
/// # Errors
/// A set's name that no message can carry. What the jobs meet is in the summary.
pub fn run_jobs(shell: &Shell, config: &Config, jobs: Vec<Job<'_>>) -> Result<RunSummary, Failure> {
    let (people, sets) = (people(config), set_names(config)?);
    let (journal, outbox) = (shell.journal(config), shell.outbox(config));
    let (mailer, others) = (mailer_or_why(shell, config), ways::webhooks(shell, config));
    let silent = silent(shell, config, &journal);
    let runner = Runner {
        journal: &journal,
        outbox: &outbox,
        mailer: mailer.as_deref(),
        others: &others,
        clock: &*shell.env.clock,
        entropy: &*shell.env.entropy,
        people: &people,
        sets: &sets,
        silent: &silent,
        deputy_after: config.council.deputy.as_ref().map(|d| SignedDuration::from_hours(24 * i64::from(d.after_days))),
        stop: &shell.stopped,
    };
    Ok(runner.run_all(jobs))
}

/// The sets of which a backup is missing that nobody was told of, and since when: none was tried for longer than the
/// set may go without, or the last run was cut off and the schedule has asked for another since. What was tried and
/// failed was told when it did.
fn silent(shell: &Shell, config: &Config, journal: &Journal) -> Vec<(SetName, Timestamp)> {
    let entries = journal.read().unwrap_or_default().entries;
    let (state, now, zone) = (fold(&entries), shell.env.clock.now(), &config.council.timezone);
    let newest = entries.iter().rev().find(|e| e.event == Event::RunStarted);
    let cut_off = newest.filter(|e| state.unfinished.contains_key(&e.run)).map(|e| e.at);
    let since = |set: &ProtectedSet| {
        let name = set_name(&set.name).ok()?;
        let key = (JobKind::Backup, Some(name.clone()));
        // Under a wrong clock the newest line is not the newest moment.
        let of_set =
            |e: &&JournalEntry| matches!(&e.event, Event::StepFinished(s) if (s.job, &s.set) == (key.0, &key.1));
        let tried = entries.iter().filter(of_set).map(|e| e.at).filter(|at| *at <= now).max()?;
        let last = state.last_good.get(&key).map_or(tried, |good| good.at.min(tried));
        let lost = cut_off.filter(|at| *at > tried).and_then(|at| config.schedule.first_backup_after(at, zone));
        let overdue = config.schedule.overdue_from(tried, set.max_age, zone);
        [lost, overdue].into_iter().flatten().any(|from| from < now).then_some((name, last))
    };
    config.sets.iter().filter_map(since).collect()
}

/// Tells clerk and deputy what a command did about the council's records, and says what became of the messages. What
/// the command did stands, whatever becomes of them.
pub fn tell_of_retention(shell: &Shell, config: &Config, news: &[News]) {
    if !config.tells_anyone() {
        shell.out.note("Nobody was told by e-mail: the configuration has no [notify.mail].");
        return;
    }
    post(shell, config, |post| retention_notices::tell(post, news));
}

/// Sends messages outside of a run, and says what became of them.
pub fn post(shell: &Shell, config: &Config, send: impl FnOnce(&Post<'_>) -> Posted) -> Posted {
    let (people, journal, outbox) = (people(config), shell.journal(config), shell.outbox(config));
    let (mailer, others) = (mailer_or_why(shell, config), ways::webhooks(shell, config));
    let post = Post {
        journal: &journal,
        ways: Ways { outbox: &outbox, mailer: mailer.as_deref(), others: &others },
        clock: &*shell.env.clock,
        people: &people,
        deputy: config.council.deputy.is_some(),
        run: hex::encode(&shell.env.entropy.bytes32()[..8]),
    };
    let posted = send(&post);
    let reports = posted.others.iter().map(|(_, report)| report).chain([&posted.flush]);
    for words in posted.trouble.iter().chain(reports.flat_map(|r| &r.trouble)) {
        shell.out.warn(words);
    }
    ways::report(shell, &posted.flush, &posted.others);
    posted
}

/// A password that cannot be fetched keeps no backup from being made and silences nobody: the messages wait, and
/// the run says that they do not leave.
pub fn mailer_or_why(shell: &Shell, config: &Config) -> Option<Box<dyn Mailer>> {
    match shell.mailer(config) {
        Ok(mailer) => mailer.map(|m| Box::new(m) as Box<dyn Mailer>),
        Err(failure) => Some(Box::new(Unusable::new(advice(&failure).message))),
    }
}

/// Journals and tells what a person's own examination found, as that of a run is.
///
/// # Errors
/// As [`run_jobs`].
pub fn one_job(shell: &Shell, config: &Config, kind: JobKind, found: &JobOutcome) -> Result<Exit, Failure> {
    let job = Job { kind, set: None, run: Box::new(|| found.clone()) };
    // Beside a run that is at work there is no lock to be had; what was found is told all the same.
    let _lock = shell.lock(config).ok();
    let summary = run_jobs(shell, config, vec![job])?;
    report(shell, &summary);
    Ok(summary.exit)
}

/// What became of the messages.
pub fn report(shell: &Shell, summary: &RunSummary) {
    for words in &summary.trouble {
        shell.out.warn(words);
    }
    ways::report(shell, &summary.flush, &summary.others);
}

/// The mail server; `None` where none is configured.
///
/// # Errors
/// Its password or certificate cannot be fetched, or its settings cannot be used.
pub fn mailer(config: &Config, system: &dyn Environment, handle: &Handle) -> Result<Option<SmtpMailer>, Failure> {
    let Some(mail) = &config.mail else { return Ok(None) };
    let login = match &mail.login {
        Some((user, password)) => Some((user.clone(), password.fetch(system)?)),
        None => None,
    };
    let read = |path: &std::path::PathBuf| {
        let unreadable =
            |why: String| ConfigError::Unreadable { what: "the certificate", file: path.display().to_string(), why };
        let pem = system.read(path).map_err(|e| unreadable(e.to_string()))?;
        // Without a certificate in it, the file would say nothing, and only a connection would show that.
        let holds_one = pem.windows(PEM.len()).any(|w| w == PEM);
        if holds_one { Ok(pem) } else { Err(unreadable("it holds no certificate in PEM form".to_owned())) }
    };
    let council = &config.council;
    let settings = MailSettings {
        host: mail.host.clone(),
        port: Some(mail.port),
        tls: match mail.tls {
            Tls::Required => TlsMode::StartTls,
            Tls::Implicit => TlsMode::Implicit,
            Tls::NoneOnLoopback => TlsMode::NoneOnLoopback,
        },
        ca_pem: mail.ca_file.as_ref().map(read).transpose()?,
        login,
        from: mail.from.clone(),
        domains: council.domains.clone(),
        clerk: council.clerk.email.clone(),
        deputy: council.deputy.as_ref().map(|d| d.person.email.clone()),
        provider: Some(council.provider.email.clone()),
        connect_timeout: MailSettings::CONNECT_TIMEOUT,
        send_timeout: MailSettings::SEND_TIMEOUT,
    };
    Ok(Some(SmtpMailer::new(settings, handle.clone())?))
}
