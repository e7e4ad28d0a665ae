//! Writing small files so that a power cut leaves the old or the new content, never half of one; and lines
//! that carry their own check, so that a rotten bit is noticed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

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

/// Writes `bytes` to `dir/name` by way of `dir/name.tmp`; when it returns, they are on the disk under that name.
///
/// # Errors
/// As the file system says; the old content is then still there.
pub fn replace(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = dir.join(format!("{name}.tmp"));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
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
}
