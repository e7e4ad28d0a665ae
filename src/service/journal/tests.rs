//! Cuts, damage, newer lines and many writers: what can be read is read.

use super::*;

fn entry(second: i64) -> JournalEntry {
    let cause = Cause { trouble: Trouble::Refused, job: JobKind::Prune, set: None };
    let reference = Reference::try_from(String::from("SR-2026-1122-K7Q")).unwrap();
    let event = match second % 3 {
        0 => Event::RunStarted,
        1 => Event::CauseOpened { reference, cause },
        _ => {
            let told = Told { reference: Some(reference), to: Role::Clerk, notice: NoticeKind::Failure };
            Event::NoticeFailed { told, class: String::from("timed-out") }
        }
    };
    JournalEntry { at: Timestamp::from_second(second).unwrap(), run: String::from("r"), event }
}

fn written(n: i64) -> (tempfile::TempDir, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::new(&dir.path().join("state"));
    for second in 0..n {
        journal.append(&entry(second)).unwrap();
    }
    (dir, journal)
}

#[test]
fn what_was_appended_is_read_back() {
    let (_dir, journal) = written(6);
    let all = journal.read().unwrap();
    assert_eq!(all.entries, (0..6).map(entry).collect::<Vec<_>>());
    assert_eq!((all.damaged, all.unknown, all.torn), (0, 0, false));
}

#[test]
fn a_cut_at_any_byte_costs_only_the_last_line_and_the_next_append_heals() {
    let (_dir, journal) = written(2);
    let whole = std::fs::read(&journal.path).unwrap();
    let first = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    for cut in first..whole.len() {
        std::fs::write(&journal.path, &whole[..cut]).unwrap();
        let all = journal.read().unwrap();
        assert_eq!(all.entries, [entry(0)]);
        assert_eq!(all.torn, cut > first);
        journal.append(&entry(7)).unwrap();
        let all = journal.read().unwrap();
        // A cut that took the newline alone lost nothing: the append puts it back.
        assert_eq!(all.entries.len(), if cut == whole.len() - 1 { 3 } else { 2 });
        assert_eq!(all.entries.last(), Some(&entry(7)));
        assert!(!all.torn);
    }
}

#[test]
fn damage_in_the_middle_is_counted_and_never_fatal() {
    let (_dir, journal) = written(9);
    let whole = std::fs::read(&journal.path).unwrap();
    let mut bad = whole.clone();
    bad[5] ^= 0x40;
    std::fs::write(&journal.path, &bad).unwrap();
    let all = journal.read().unwrap();
    assert_eq!((all.entries.len(), all.damaged), (8, 1));

    let long = [b"x".repeat(3 * MAX_LINE as usize), b"\n\xff\0\n".to_vec(), whole].concat();
    std::fs::write(&journal.path, long).unwrap();
    let all = journal.read().unwrap();
    assert_eq!((all.entries.len(), all.damaged), (9, 2));
}

#[test]
fn a_newer_program_s_lines_are_passed_over_and_counted() {
    let (_dir, journal) = written(1);
    let line = durable::seal(&serde_json::json!({"at": "2026-01-01T00:00:00Z", "run": "r", "event": {"kind": "new"}}));
    let mut file = OpenOptions::new().append(true).open(&journal.path).unwrap();
    writeln!(file, "{}", line.unwrap()).unwrap();
    let all = journal.read().unwrap();
    assert_eq!((all.entries.len(), all.unknown, all.damaged), (1, 1, 0));
}

#[test]
fn many_writers_lose_no_line() {
    let (_dir, journal) = written(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10).for_each(|second| journal.append(&entry(second)).unwrap()));
        }
    });
    let all = journal.read().unwrap();
    assert_eq!((all.entries.len(), all.damaged, all.torn), (40, 0, false));
}
