//! This computer's own files, as a crash, a full disk or somebody else may have left them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::id::{Digest, RepositoryId};
use crate::repo::last_listing::Reader;
use crate::repo::machine::StateDir;
use crate::service::journal::Journal;

/// A folder of its own that goes when it is dropped.
pub(super) struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // In memory where there is such a place: thousands of files are made and removed.
        let memory = PathBuf::from("/dev/shm");
        let within = if memory.is_dir() { memory } else { PathBuf::from("/tmp") };
        loop {
            let name = format!("strongroom-fuzz-{}", NEXT.fetch_add(1, Ordering::Relaxed));
            let path = within.join(name);
            match std::fs::create_dir(&path) {
                Ok(()) => return Self(path),
                // Another's, at work at the same time.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => panic!("no folder to work in: {e}"),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const FILES: [&str; 6] = ["machine.json", "memory.json", "cache/log", "listing", "journal.jsonl", "bundle.age"];

/// The first letter says which file it is.
pub(super) fn files(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    let name = FILES[usize::from(which.wrapping_sub(b'0')) % FILES.len()];
    let folder = Folder::new();
    let dir = StateDir::new(&folder.0);
    let id = RepositoryId::new([9; 32]);
    let path = dir.file(name);
    let _ = path.parent().map(std::fs::create_dir_all);
    // The copy of the log is believed only with its digests: give it those, so that what follows is read.
    let bytes = if name == "cache/log" { with_digests(id, bytes) } else { bytes.to_vec() };
    assert!(std::fs::write(&path, &bytes).is_ok());
    let _ = dir.load_machine();
    if let Ok((slots, _)) = dir.load_slots(id) {
        assert!(slots.iter().enumerate().all(|(n, s)| s.n == n as u64));
        let _ = dir.check_memory(id, &slots);
    }
    if let Ok(reader) = Reader::open(&path) {
        let records = reader.take_while(Result::is_ok).count();
        assert!(records <= bytes.len());
    }
    let _ = Journal::new(&folder.0).read();
}

fn with_digests(id: RepositoryId, text: &[u8]) -> Vec<u8> {
    let mut before = *id.as_bytes();
    let lines = text.split(|b| *b == b'\n').map(|line| {
        before = *Digest::of(&[&before, line].concat()).as_bytes();
        [hex::encode(before).as_bytes(), b" ", line, b"\n"].concat()
    });
    lines.collect::<Vec<_>>().concat()
}

pub(super) fn all() -> Vec<Vec<u8>> {
    let id = "09".repeat(32);
    let link = "00".repeat(32);
    vec![
        b"0{\"machine\":\"\",\"name\":\"office\",\"identity\":\"AGE-SECRET-KEY-1\",\"reads\":true,\"seeds\":[]}"
            .to_vec(),
        format!("1{{\"repository\":\"{id}\",\"n\":0,\"link\":\"{link}\"}}").into_bytes(),
        format!("2{{\"n\":0,\"link\":\"{link}\",\"body\":null}}\n{{\"n\":1,\"link\":\"{link}\",\"body\":null}}")
            .into_bytes(),
        b"3\x02\0\0\0\x80\x80\xff\xff\xff\x03".to_vec(),
        b"4{\"v\":1,\"time\":\"2026-11-22T02:30:00Z\",\"event\":{\"kind\":\"started\"}}\n{\"torn".to_vec(),
    ]
}
