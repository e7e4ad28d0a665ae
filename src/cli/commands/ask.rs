//! `restore` without a name: a person is asked for a part of it, and chooses from what fits.
//!
//! What is there now comes before what is gone, the newest first. The version that is chosen is the one that is
//! brought back, even if a backup is made meanwhile.

use std::io::{BufRead, Write};

use super::disposed;
use super::look::remarks;
use super::records;
use crate::cli::failure::Failure;
use crate::cli::shell::Shell;
use crate::config::Config;
use crate::domain::path::printable;
use crate::domain::pattern::Pattern;
use crate::ops::OpsError;
use crate::ops::query::{Hit, View};
use crate::ops::retention::disposed::Memory;

/// Hits that are offered for choosing.
const OFFERED: usize = 40;

/// Asks until one record is chosen.
///
/// # Errors
/// Nothing was chosen; a signal; damage and faults of the store.
pub fn ask(
    shell: &Shell,
    config: &Config,
    view: &mut View<'_>,
    memory: &Memory,
    input: &mut impl BufRead,
) -> Result<Hit, Failure> {
    // Damage is told; what can be read may still be chosen.
    let _ = remarks(shell, view);
    loop {
        let question = "Part of the name of what you want back (Enter alone ends): ";
        let Some(name) = answer(shell, input, question)? else {
            return Err(Failure::usage("nothing was chosen, and nothing was brought back", ""));
        };
        let (mut hits, count) = best(view, &Pattern::new(&name))?;
        if hits.is_empty() {
            let disposed = disposed::find_in(config, memory, view, name.as_bytes())?;
            for one in &disposed {
                let (words, hint) = disposed::in_words(one, config);
                shell.out.to_stderr(&format!("{words}.\n    {hint}"));
            }
            if disposed.is_empty() {
                shell.out.to_stderr("Nothing in the backup has such a name, deleted files included.");
            }
            continue;
        }
        for (at, hit) in hits.iter().enumerate() {
            let line = records::line(hit, &config.council.timezone);
            shell.out.to_stderr(&format!("{:>4}  {}", at + 1, line.trim_start()));
        }
        if count > hits.len() as u64 {
            shell.out.to_stderr(&format!("      and {} more; type more of the name.", count - hits.len() as u64));
        }
        if let Some(at) = choice(shell, input, hits.len())? {
            return Ok(hits.swap_remove(at));
        }
    }
}

/// The place in the list; none for another search.
fn choice(shell: &Shell, input: &mut impl BufRead, offered: usize) -> Result<Option<usize>, Failure> {
    loop {
        let question = "Number of the one to bring back (or Enter to search again): ";
        let Some(typed) = answer(shell, input, question)? else { return Ok(None) };
        match place(&typed, offered) {
            Some(at) => return Ok(Some(at)),
            None => shell.out.to_stderr(&format!("There is no number {}.", printable(typed.as_bytes()))),
        }
    }
}

fn place(typed: &str, offered: usize) -> Option<usize> {
    typed.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < offered)
}

/// What was typed; none for an empty line, and at the end of the input.
fn answer(shell: &Shell, input: &mut impl BufRead, question: &str) -> Result<Option<String>, Failure> {
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
    drop(stderr);
    let mut line = String::new();
    if shell.typed(input, &mut line)? == 0 {
        shell.out.to_stderr("");
    }
    Ok(Some(line.trim().to_owned()).filter(|l| !l.is_empty()))
}

/// The hits to offer, and how many there are.
fn best(view: &mut View<'_>, pattern: &Pattern) -> Result<(Vec<Hit>, u64), OpsError> {
    let mut hits = vec![];
    let count = view.find(pattern, &mut |hit| {
        hits.push(hit);
        if hits.len() > 2 * OFFERED {
            keep_best(&mut hits);
        }
        Ok(())
    })?;
    keep_best(&mut hits);
    Ok((hits, count))
}

fn keep_best(hits: &mut Vec<Hit>) {
    let rank = |h: &Hit| (h.live, if h.live { None } else { Some(h.last_seen) }, h.entry.meta.mtime_s);
    hits.sort_by(|a, b| rank(b).cmp(&rank(a)).then_with(|| a.path.cmp(&b.path)));
    hits.truncate(OFFERED);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::SnapshotId;
    use crate::domain::listing::{Entry, Gone, Kind, Meta};
    use crate::domain::path::RecordPath;

    fn hit(name: &str, mtime_s: i64, gone_s: Option<i64>) -> Hit {
        let gone = gone_s.map(|s| Gone {
            last_seen: SnapshotId(1),
            last_seen_s: s,
            missed_s: s + 1,
            unreadable: false,
            left_out: None,
        });
        let meta = Meta { mtime_s, ..Meta::default() };
        let entry = Entry { path: RecordPath::new(name).unwrap(), kind: Kind::Fifo, meta, gone, first: None };
        Hit::new(entry, gone_s.is_none(), jiff::Timestamp::UNIX_EPOCH, SnapshotId(2), "documents")
    }

    #[test]
    fn what_is_there_now_comes_first_and_the_newest_first() {
        let mut hits = vec![hit("a/old", 10, None), hit("a/gone", 90, Some(50)), hit("b/new", 20, None)];
        hits.push(hit("a/just-gone", 5, Some(60)));
        keep_best(&mut hits);
        let names: Vec<String> = hits.iter().map(|h| h.path.to_string()).collect();
        assert_eq!(names, ["b/new", "a/old", "a/just-gone", "a/gone"]);
        let mut many: Vec<Hit> = (0..200).map(|n| hit(&format!("a/{n}"), n, None)).collect();
        keep_best(&mut many);
        assert_eq!((many.len(), many[0].path.to_string().as_str()), (OFFERED, "a/199"));
    }

    #[test]
    fn only_a_number_in_the_list_is_one() {
        let typed = ["1", "40", "0", "41", "7x", "-1", "", "99999999999999999999999"];
        assert_eq!(typed.map(|t| place(t, 40)), [Some(0), Some(39), None, None, None, None, None, None]);
    }
}
