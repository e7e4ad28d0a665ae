//! What a test restore says about documents that no longer open, and `verify accept`.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::cli::args::AcceptArgs;
use crate::cli::failure::Failure;
use crate::cli::output::{Done, about, shell_quoted};
use crate::cli::shell::Shell;
use crate::cli::{when, wiring_limits};
use crate::config::Config;
use crate::domain::path::{RecordPath, printable};
use crate::domain::problem::Exit;
use crate::ops::retention::note::WhyNote;
use crate::ops::sound::Program;
use crate::ops::verify::{self, Opening, SoundOptions, Spoiled, VerifyReport};
use crate::service::plain::counted;
use crate::service::words::{Opened, Trouble};

/// Where documents land to be examined.
pub fn scratch(config: &Config) -> PathBuf {
    config.state_dir.join("scratch")
}

/// How documents are examined: by this program, in a process of its own.
pub fn options(config: &Config) -> SoundOptions {
    let program = Program::Child(wiring_limits::itself(), vec!["examine".into()]);
    SoundOptions { program, scratch: scratch(config) }
}

/// Every spoiled document, and the numbers.
pub fn say(shell: &Shell, config: &Config, report: &VerifyReport) {
    let zone = &config.council.timezone;
    for spoiled in &report.spoiled {
        shell.out.row(|| in_words(spoiled, zone), || as_object(spoiled));
    }
    let Some(opening) = &report.opening else { return };
    if let Some(why) = &opening.skipped {
        let last = match opening.last {
            Some(at) => format!("it was last done {}", when::shown(at, zone)),
            None => "it was never done".into(),
        };
        shell.out.warn(format!("Whether documents still open was not looked at, or not for all: {why}; {last}."));
    }
    shell.out.say(numbers(opening));
    if opening.unended > 0 {
        let n = counted(opening.unended, "examination", "examinations");
        shell.out.warn(format!(
            "{n} did not end: those documents are tried once more in another test, after all others, and then left for a \
             month."
        ));
    }
    if opening.waiting > 0 {
        let n = counted(opening.waiting, "document waits", "documents wait");
        shell.out.say(format!("{n} to be opened: the next test goes on with them."));
    }
    if let (true, Some(n)) = (opening.several, opening.incident) {
        shell.out.warn(format!(
            "Several documents are no longer what their names say: this may be an attack. Nothing will be thinned or \
             deleted until somebody has looked and runs: strongroom incident resolve {n} --by NAME --note TEXT"
        ));
    }
}

fn numbers(o: &Opening) -> String {
    let left = match o.not_checkable {
        0 => String::new(),
        n => format!(" {} not be checked (encrypted, too large, of other kinds).", counted(n, "could", "could")),
    };
    if o.examined() == 0 {
        return format!("Does it still open? No document of a kind that can be checked was in this sample.{left}");
    }
    let mut parts = vec![format!("{} structurally sound", counted(o.sound, "is", "are"))];
    let all = [
        (o.damaged, "sound once and damaged now"),
        (o.not_its_name, "sound once and no longer what their names say"),
        (o.never_sound, "never sound since backed up, or of a version that is no longer live"),
    ];
    parts.extend(all.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")));
    format!("Does it still open? Of {}, {}.{left}", counted(o.examined(), "document", "documents"), parts.join("; "))
}

fn command(spoiled: &Spoiled) -> String {
    format!("strongroom restore {} --snapshot {}", shell_quoted(spoiled.path.as_bytes()), spoiled.sound_in)
}

fn in_words(spoiled: &Spoiled, zone: &TimeZone) -> String {
    let title = if spoiled.not_its_name { "NOT ITS NAME" } else { "SPOILED" };
    let attack = if spoiled.not_its_name { " If there are several, think of an attack." } else { "" };
    format!(
        "{title}: {}: {}.{attack}\n  The backup is faithful: the document was damaged before it was backed up.\n  It was \
         sound on {}. To bring that version back:\n    {}\n  If it is as it should be: strongroom verify accept {} --by NAME --note TEXT",
        spoiled.path,
        printable(spoiled.why.as_bytes()),
        when::shown(spoiled.sound_at, zone),
        command(spoiled),
        shell_quoted(spoiled.path.as_bytes()),
    )
}

fn as_object(spoiled: &Spoiled) -> Value {
    let object = json!({
        "why": spoiled.why, "not_its_name": spoiled.not_its_name, "sound_at": spoiled.sound_at,
        "sound_in": spoiled.sound_in, "command": command(spoiled),
    });
    about("spoiled", &spoiled.path, object)
}

/// For the summary.
pub fn summary(done: Done, report: &VerifyReport) -> Done {
    let Some(o) = &report.opening else { return done };
    let object = json!({
        "sound": o.sound, "damaged": o.damaged, "not_its_name": o.not_its_name, "never_sound": o.never_sound,
        "not_checkable": o.not_checkable, "unended": o.unended, "waiting": o.waiting, "incident": o.incident,
        "skipped": o.skipped, "last": o.last,
    });
    done.with("opening", object)
}

/// For journal, status and notices: numbers only.
pub fn counts(report: &VerifyReport) -> Option<Opened> {
    report.opening.as_ref().map(|o| Opened {
        sound: o.sound,
        damaged: o.damaged,
        not_its_name: o.not_its_name,
        never_sound: o.never_sound,
        not_checkable: o.not_checkable,
        skipped: o.skipped.is_some(),
        unended: o.unended,
        waiting: o.waiting,
    })
}

/// What people are told of.
pub fn troubles(report: &VerifyReport) -> Vec<Trouble> {
    let opening = report.opening.as_ref();
    let open = opening.and_then(|o| o.incident);
    // What came with a mass change is told as that, while it is open.
    let several = opening.is_some_and(|o| o.several);
    let single = report.spoiled.iter().any(|s| s.not_its_name && (s.incident.is_none() || s.incident != open));
    let spoiled = report.spoiled.iter().any(|s| !s.not_its_name);
    [(several, Trouble::ManyNotItsName), (single && !several, Trouble::NotItsName), (spoiled, Trouble::Spoiled)]
        .into_iter()
        .filter_map(|(found, trouble)| found.then_some(trouble))
        .collect()
}

/// `verify accept`
pub fn accept(shell: &Shell, args: &AcceptArgs) -> Result<Done, Failure> {
    let config = shell.config()?;
    let bad = |e| Failure::usage(format!("that is no record's path: {e}"), "Write it as verify restore names it.");
    let path = RecordPath::new(args.path.as_bytes()).map_err(bad)?;
    let _lock = shell.lock(&config)?;
    let said = WhyNote { by: args.by.clone(), note: args.note.clone() };
    let Some(entry) = verify::accept(&mut shell.open(&config)?, &path, &said)? else {
        let message = format!("no test restore on this computer calls {path} spoiled");
        return Err(Failure::said(Exit::Failed, message, "See what it names: strongroom verify restore"));
    };
    shell.out.say(format!("{path} is taken for what it should be. The next test restore no longer names it."));
    Ok(Done::with_exit(Exit::Done).with("files", 1).with("entry", entry))
}
