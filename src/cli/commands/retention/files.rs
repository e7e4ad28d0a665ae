//! The files these commands write: the edited scheme, tables and certificates. A cut never leaves half a file.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use crate::cli::failure::Failure;
use crate::domain::problem::Exit;

/// Replaces a text file by another text; owner and mode stay, and a link stays a link.
///
/// # Errors
/// It cannot be written; then it is as it was.
pub fn edit(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e: io::Error| {
        let hint = "The file is as it was. Write to it as the user it belongs to.";
        Failure::said(Exit::Failed, format!("{} cannot be changed: {e}", path.display()), hint)
    };
    let real = path.canonicalize().map_err(failed)?;
    let old = real.metadata().map_err(failed)?;
    let name = real.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = real.with_file_name(format!(".{name}.new"));
    let written = (|| {
        match std::fs::remove_file(&temporary) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(PermissionsExt::from_mode(old.mode() & 0o7777))?;
        file.sync_all()?;
        std::fs::rename(&temporary, &real)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(failed)
}

/// Creates a file that only this user reads; one that is there already is refused.
///
/// # Errors
/// It is there, or cannot be made.
pub fn create(path: &Path) -> Result<std::fs::File, Failure> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => {
            Failure::refused(format!("{} is there already", path.display()), "Name another file; nothing was written.")
        }
        _ => unwritable(path, &e),
    })
}

/// A file cannot be written.
pub fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::said(
        Exit::Failed,
        format!("{} cannot be written: {error}", path.display()),
        "Check the folder and the disk.",
    )
}

/// One line of a table. What a spreadsheet would take for a formula begins with an apostrophe.
pub fn csv_line(cells: &[&str]) -> String {
    let cell = |text: &&str| {
        let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let text = if formula { format!("'{text}") } else { (*text).to_owned() };
        if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    };
    let cells: Vec<String> = cells.iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_record_becomes_a_formula_or_another_column() {
        let line = csv_line(&["=cmd|' /C calc'!A0", "a,b", "say \"x\"", "two\nlines", "-5", "plain/é.pdf", ""]);
        let want = "'=cmd|' /C calc'!A0,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",'-5,plain/é.pdf,\r\n";
        assert_eq!(line, want);
    }

    #[test]
    fn an_edited_file_keeps_its_mode_and_a_link_stays_a_link() {
        let tmp = tempfile::tempdir().unwrap();
        let (file, link) = (tmp.path().join("scheme.toml"), tmp.path().join("link.toml"));
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        edit(&link, "new").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
        assert!(link.is_symlink());
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o644);
        assert_eq!(std::fs::read_dir(tmp.path()).unwrap().count(), 2);
        assert!(edit(&tmp.path().join("none"), "x").is_err());
        assert_eq!(create(&file).unwrap_err().to_string(), format!("{} is there already", file.display()));
    }
}
