//! Ways to fail, played with the real program, a real mail server and real signals: within a night the clerk has exactly
//! one message, and after mending exactly one that says so, under the same reference. The table in docs/service.md is
//! what this test saw. What must always hold: no row stands there that did not happen here.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use crate::mounts::may_mount;
use crate::never_here::of_this_computer;
use crate::never_modes::{Mode, of_the_mail, of_the_source, of_the_store, of_what_is_stored};
use crate::never_office::{Letter, Office, says_no_names};

const BEGIN: &str = "--test cli never -->\n";
const END: &str = "<!-- end of never silent -->";
/// Each waits for the program most of the time.
const AT_ONCE: usize = 6;

/// What the clerk got, beside the weekly message, and that the provider was told of the same at the same time.
fn told(name: &str, office: &Office) -> Vec<Letter> {
    let (clerk, provider): (Vec<Letter>, Vec<Letter>) =
        office.taken().into_iter().filter(|l| l.to != "deputy" && !l.is_weekly()).partition(|l| l.to == "clerk");
    // One whose message the server took without a word is reminded a night later than the other.
    let of = |all: &[Letter]| all.iter().map(|l| l.reference().to_owned()).collect::<BTreeSet<_>>();
    let said = || clerk.iter().chain(&provider).map(|l| format!("{}: {}\n", l.id, l.subject)).collect::<String>();
    assert_eq!(of(&clerk), of(&provider), "{name}:\n{}", said());
    clerk
}

fn play(mode: &Mode) -> String {
    let (name, mut office) = (mode.name, Office::new(mode.store));
    let said = |letters: &[Letter]| letters.iter().map(|l| format!("{}\n{}\n", l.subject, l.body)).collect::<String>();
    office.hour = 24;
    (mode.breaks)(&mut office);
    let night = (mode.night)(&mut office);
    let first = told(name, &office);
    let all = format!("{}\n--- run ({})\n{}{}", said(&first), night.code, night.out, night.err);
    assert_eq!(first.len(), mode.due, "{name}, first night:\n{all}");
    office.reference = first.first().map(|l| l.reference().to_owned()).unwrap_or_default();
    // Where there are none, nothing could be known that early.
    if let Ok(figures) = std::fs::read_to_string(office.place.path("figures.prom")) {
        says_no_names(&figures);
    }
    if !mode.is_once {
        office.hour += 1;
        (mode.night)(&mut office);
        assert_eq!(said(&told(name, &office)), "", "{name}: once more in the same night; before:\n{all}");
    }
    (mode.mends)(&mut office);
    office.hour += 24;
    let mended = office.night();
    let over = told(name, &office);
    let now = format!("{}\n--- run ({})\n{}{}", said(&over), mended.code, mended.out, mended.err);
    assert_eq!(over.len(), mode.due, "{name}, after mending:\n{now}\n--- before\n{all}");
    assert!(over.iter().all(|l| l.reference() == office.reference), "{name}: {now}");
    office.hour += 24;
    office.night();
    assert_eq!(said(&told(name, &office)), "", "{name}: after all is over");
    let title = |letters: &[Letter]| letters.first().map_or_else(|| "nothing".into(), |l| l.title().to_owned());
    format!("| {name} | {} | {} | {} | {} |\n", mode.by, night.code, title(&first), title(&over))
}

#[test]
fn whatever_fails_the_clerk_is_told_once_and_once_more_when_it_is_over() {
    if !may_mount("never::whatever_fails_the_clerk_is_told_once_and_once_more_when_it_is_over") {
        return;
    }
    let modes: Vec<Mode> = [of_the_store(), of_the_source(), of_this_computer(), of_what_is_stored(), of_the_mail()]
        .into_iter()
        .flatten()
        .collect();
    let only = std::env::var("NEVER_ONLY").unwrap_or_default();
    let modes: Vec<Mode> = modes.into_iter().filter(|m| m.name.contains(&only)).collect();
    assert!(!only.is_empty() || modes.len() >= 25);
    let (next, rows) = (Mutex::new(0..modes.len()), Mutex::new(vec![None; modes.len()]));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(at) = next.lock().unwrap().next() else { return };
                    let row = std::panic::catch_unwind(|| play(&modes[at]));
                    rows.lock().unwrap()[at] = row.ok();
                }
            });
        }
    });
    let rows: Vec<String> = rows.into_inner().unwrap().into_iter().flatten().collect();
    assert_eq!(rows.len(), modes.len(), "see what was said above");
    let is_whole = only.is_empty();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/service.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (now, after) = rest.split_once(END).unwrap();
    let table = format!(
        "| what happens | who notices | exit | the clerk is told | and after mending |\n|---|---|---|---|---|\n{}",
        rows.concat()
    );
    if std::env::var_os("STRONGROOM_RENEW").is_some() && is_whole {
        std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    let renew = "docs/service.md is not what happened here. If that is meant: STRONGROOM_RENEW=1 cargo test --features testing \
                 --test cli never";
    assert!(!is_whole || now == table, "{renew}\n--- the page\n{now}--- what happened\n{table}");
}
