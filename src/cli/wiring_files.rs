//! Files that others on this computer read: figures for Prometheus, systemd's units, a crontab. The old content or the
//! new is there after a crash, never a mixture.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Replaces a file that others may read. Its folder must be there.
///
/// # Errors
/// What the system says.
pub fn replace_public(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it has no name"))?.to_string_lossy().into_owned();
    let parent = path.parent().unwrap_or(Path::new("/"));
    let temporary = parent.join(format!(".{name}.new"));
    match std::fs::remove_file(&temporary) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let written = (|| {
        // Never through a link that somebody planted: what has the name now is not ours.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        File::open(parent)?.sync_all()
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}
