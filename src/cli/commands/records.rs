//! How a record is shown, for all commands that show any; and the folders that live paths are told by.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::cli::output::about;
use crate::cli::when;
use crate::config::Config;
use crate::domain::listing::{Entry, Kind};
use crate::domain::path::RecordPath;
use crate::ops::query::Hit;
use crate::service::plain::size;

/// The configured folders: names in record paths, and where they lie.
pub fn folders(config: &Config) -> Vec<(RecordPath, PathBuf)> {
    config.sets.iter().flat_map(|s| &s.folders).map(|f| (f.name.clone(), f.path.clone())).collect()
}

/// The kind in a word.
pub fn kind(entry: &Entry) -> &'static str {
    match entry.kind {
        Kind::Dir => "folder",
        Kind::File(_) => "file",
        Kind::Symlink(_) => "link",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::CharDevice(..) | Kind::BlockDevice(..) => "device",
    }
}

/// One line: size, time, path, and what became of it.
pub fn line(hit: &Hit, zone: &TimeZone) -> String {
    let (shown_size, slash) = match hit.entry.kind {
        Kind::Dir => ("folder".to_owned(), "/"),
        Kind::File(_) => (size(hit.entry.size()), ""),
        _ => (kind(&hit.entry).to_owned(), ""),
    };
    let time = when::of_record(hit.entry.meta.mtime_s, zone);
    let fate = fate(hit, zone).map(|f| format!("  [{f}]")).unwrap_or_default();
    format!("{shown_size:>12}  {time:<16}  {}{slash}{fate}", hit.path)
}

/// What became of a record that is no longer there.
pub fn fate(hit: &Hit, zone: &TimeZone) -> Option<String> {
    let seen = when::shown(hit.last_seen, zone);
    match hit.deleted_between {
        _ if hit.live => None,
        Some((from, to)) => {
            let (from, to) = (when::shown(from, zone), when::shown(to, zone));
            Some(format!("last seen {seen}, deleted between {from} and {to}"))
        }
        None => Some(format!("last seen {seen}, could not be read since")),
    }
}

/// As an object.
pub fn object(hit: &Hit) -> Value {
    let mut object = entry_object("record", &hit.entry);
    object["live"] = hit.live.into();
    object["last_seen"] = json!(hit.last_seen);
    object["deleted_between"] = json!(hit.deleted_between);
    object["snapshot"] = hit.snapshot.0.into();
    object["set"] = hit.set.clone().into();
    object
}

/// An entry of a listing as an object.
pub fn entry_object(message_type: &str, entry: &Entry) -> Value {
    let meta = &entry.meta;
    let time = jiff::Timestamp::new(meta.mtime_s, i32::try_from(meta.mtime_ns).unwrap_or(0)).ok();
    let object = json!({
        "kind": kind(entry), "size": entry.size(), "mtime": time, "mode": format!("{:04o}", meta.mode),
        "uid": meta.uid, "gid": meta.gid,
    });
    about(message_type, &entry.path, object)
}
