//! Writing small files so that a power cut leaves the old or the new content, never half of one; and lines
//! that carry their own check, so that a rotten bit is noticed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::repo::local;

/// Digits of the check at the end of a line.
const SUM_DIGITS: usize = 16;
const SUM_OPEN: &str = ",\"sum\":\"";
const SUM_CLOSE: &str = "\"}";

/// One JSON object on one line without its newline, its last member a check over everything before it.
///
/// # Errors
/// When `value` is not a JSON object with at least one member.
pub fn seal<T: Serialize>(value: &T) -> io::Result<String> {
    let mut json = serde_json::to_string(value)?;
    if !json.ends_with('}') || json == "{}" {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "only a JSON object with members can be sealed"));
    }
    json.pop();
    let sum = sum(json.as_bytes());
    Ok(json + SUM_OPEN + &sum + SUM_CLOSE)
}

/// What a line that [`seal`] made says.
pub enum Opened<T> {
    /// Read and right.
    Value(T),
    /// The check fits, but this program does not know the words: written by a newer one.
    Unknown,
    /// Not what was written.
    Damaged,
}

/// Reads a line that [`seal`] made, without its newline.
pub fn open<T: DeserializeOwned>(line: &[u8]) -> Opened<T> {
    let tail = SUM_OPEN.len() + SUM_DIGITS + SUM_CLOSE.len();
    let Some(at) = line.len().checked_sub(tail) else { return Opened::Damaged };
    let (body, end) = line.split_at(at);
    if end != format!("{SUM_OPEN}{}{SUM_CLOSE}", sum(body)).as_bytes() {
        return Opened::Damaged;
    }
    let mut json = body.to_vec();
    json.push(b'}');
    serde_json::from_slice(&json).map_or(Opened::Unknown, Opened::Value)
}

fn sum(body: &[u8]) -> String {
    blake3::hash(body).to_hex()[..SUM_DIGITS].to_owned()
}

/// Makes a private folder and those above it, if they are not there.
///
/// # Errors
/// As the file system says.
pub fn private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// As [`local::open_own`], and not where the file has a second name elsewhere.
///
/// # Errors
/// As the file system says; the words say what to do about a link.
pub fn open_own(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = local::open_own(path, options)?;
    if file.metadata()?.nlink() == 1 { Ok(file) } else { Err(local::strange()) }
}

/// Writes `bytes` to `dir/name` by way of `dir/name.tmp`; when it returns, they are on the disk under that name.
///
/// # Errors
/// As the file system says; the old content is then still there.
pub fn replace(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.tmp"));
    let written = (|| {
        // What has the name already is not written through.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = open_own(&temporary, OpenOptions::new().write(true).create_new(true))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, dir.join(name))
    })();
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    sync_dir(dir)
}

/// Makes creations, renames and removals in `dir` survive a power cut.
///
/// # Errors
/// As the file system says.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_byte_of_a_line_is_noticed() {
        let line = seal(&serde_json::json!({"at": 5, "name": "x"})).unwrap();
        assert!(matches!(open::<serde_json::Value>(line.as_bytes()), Opened::Value(v) if v["at"] == 5));
        for at in 0..line.len() {
            let mut bad = line.clone().into_bytes();
            bad[at] ^= 1;
            assert!(matches!(open::<serde_json::Value>(&bad), Opened::Damaged), "byte {at}");
            assert!(matches!(open::<serde_json::Value>(&line.as_bytes()[..at]), Opened::Damaged), "cut at {at}");
        }
        assert!(matches!(open::<[u8; 3]>(line.as_bytes()), Opened::Unknown));
        assert!(seal(&5).is_err());
    }

    #[test]
    fn replacing_leaves_no_temporary_file_even_when_it_fails() {
        let dir = tempfile::tempdir().unwrap();
        replace(dir.path(), "a", b"one").unwrap();
        replace(dir.path(), "a", b"two").unwrap();
        assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"two");
        fs::create_dir(dir.path().join("b")).unwrap();
        assert!(replace(dir.path(), "b", b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let [theirs, soft, hard] = ["theirs", "soft", "hard"].map(|name| dir.path().join(name));
        fs::write(&theirs, "theirs").unwrap();
        std::os::unix::fs::symlink(&theirs, &soft).unwrap();
        fs::hard_link(&theirs, &hard).unwrap();
        for name in [&soft, &hard] {
            let error = open_own(name, OpenOptions::new().append(true).create(true)).unwrap_err();
            assert!(error.to_string().contains("then move it away"), "{error}");
        }
        std::os::unix::fs::symlink(&theirs, dir.path().join("a.tmp")).unwrap();
        replace(dir.path(), "a", b"ours").unwrap();
        assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
        assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"ours");
        let journal = crate::service::journal::Journal::new(dir.path());
        for name in ["journal.jsonl", "journal.spare"] {
            std::os::unix::fs::symlink(&theirs, dir.path().join(name)).unwrap();
        }
        let event = crate::service::journal::Event::RunStarted;
        let at = jiff::Timestamp::UNIX_EPOCH;
        let entry = crate::service::journal::JournalEntry { at, run: String::from("r"), event };
        assert!(journal.append(&entry).is_err());
        assert_eq!(fs::read(&theirs).unwrap(), b"theirs");
    }
}
