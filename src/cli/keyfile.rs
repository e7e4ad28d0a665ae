//! The recovery key as a person gives it: a file, or typed from the sheet. And the file as it is written.
//!
//! No message ever shows what was typed. A file that holds another key is never overwritten.

use std::io::{BufRead, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::failure::Failure;
use super::sheet::Sheet;
use super::shell::Shell;
use super::wiring;
use super::wiring_terminal::Hidden;
use crate::domain::id::RepositoryId;
use crate::domain::path::printable;
use crate::domain::problem::Exit;
use crate::repo::local;
use crate::repo::seal::{Identity, identity_line};

/// A key that a person gave.
pub struct Given {
    /// The key itself.
    pub identity: Identity,
    /// The repository that its file names.
    pub repository: Option<RepositoryId>,
}

/// Letters and digits of a whole key.
const LETTERS: usize = 71;
/// Lines typed before giving up.
const MAX_LINES: usize = 12;
/// A larger file is none of ours.
const MAX_FILE: usize = 64 * 1024;

/// The key from a file, or typed at the terminal.
///
/// # Errors
/// No file and nobody to ask; no key in it.
pub fn given(shell: &Shell, file: Option<&Path>) -> Result<Given, Failure> {
    match file {
        Some(path) => from_file(path),
        None if wiring::can_ask() => typed(shell, "the key from the recovery sheet", &mut std::io::stdin().lock()),
        None => Err(Failure::usage(
            "this needs the recovery sheet's key, and there is no terminal to type it at",
            "Name a file that holds it: --recovery-key-file FILE",
        )),
    }
}

/// The same for the key of a holder; `-` is the standard input.
///
/// # Errors
/// As [`given`].
pub fn of_holder(shell: &Shell, holder: &str, file: Option<&Path>) -> Result<Given, Failure> {
    match file {
        Some(path) if path == Path::new("-") => read_from("the standard input", &mut std::io::stdin().lock()),
        None if !wiring::can_ask() => Err(Failure::usage(
            "this needs the holder's key, and there is no terminal to type it at",
            "Name a file that holds it, or - for the standard input: --key-file FILE",
        )),
        None => typed(shell, &format!("the key of '{}'", printable(holder.as_bytes())), &mut std::io::stdin().lock()),
        Some(path) => from_file(path),
    }
}

fn from_file(path: &Path) -> Result<Given, Failure> {
    let unreadable = |e| Failure::usage(format!("{}: {e}", path.display()), "Check the path and who may read it.");
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    read_from(&path.display().to_string(), &mut file)
}

fn read_from(name: &str, from: &mut dyn Read) -> Result<Given, Failure> {
    let hint = "It should be the file that init wrote, or one line AGE-SECRET-KEY-1… as on the recovery sheet.";
    let wrong = |why: &str| Failure::said(Exit::WrongKey, format!("{name}: {why}"), hint);
    let unreadable = |e| Failure::usage(format!("{name}: {e}"), "Check the path and who may read it.");
    let mut bytes = Zeroizing::new(Vec::new());
    from.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let text = std::str::from_utf8(&bytes).ok().filter(|t| t.len() <= MAX_FILE);
    let text = text.ok_or_else(|| wrong("this is no key file"))?;
    // The lines of a sheet, typed or copied into a file, are one key.
    let all = || Identity::parse(&text.lines().filter(|l| !l.starts_with('#')).collect::<String>());
    let identity = Identity::from_file_text(text).or_else(|_| all()).map_err(|_| wrong("there is no key in it"))?;
    Ok(Given { identity, repository: pin_in(text) })
}

/// The id in the `# repository:` line.
fn pin_in(text: &str) -> Option<RepositoryId> {
    text.lines().find_map(|l| l.strip_prefix("# repository: ")).and_then(|id| id.trim().parse().ok())
}

/// The key may be typed over several lines, as it is printed; it is complete when it can be read. What is typed is not
/// shown, nor said afterwards: only how many letters there are.
fn typed(shell: &Shell, what: &str, input: &mut impl BufRead) -> Result<Given, Failure> {
    // Before anybody is asked, so that nothing typed in answer is shown.
    let _hidden = Hidden::begin();
    shell.out.to_stderr(&format!(
        "Type {what}, line by line, each followed by Enter. It is not shown while you type.\n\
         Spaces, dashes and small letters do not matter."
    ));
    let mut text = Zeroizing::new(String::new());
    for _ in 0..MAX_LINES {
        let mut line = Zeroizing::new(String::new());
        let read = shell.typed(input, &mut line)?;
        text.push_str(&line);
        if let Ok(identity) = Identity::parse(&text) {
            return Ok(Given { identity, repository: None });
        }
        if read == 0 || (line.trim().is_empty() && !text.trim().is_empty()) {
            break;
        }
        let letters = text.chars().filter(char::is_ascii_alphanumeric).count();
        shell.out.to_stderr(&format!("{letters} letters so far; the whole key has {LETTERS}."));
        if letters >= LETTERS {
            break;
        }
    }
    let hint = "Each letter counts; there is no B, I, O or number 1 after the first part. Try again, slowly.";
    Err(Failure::said(Exit::WrongKey, "what was typed is no key", hint))
}

/// Writes the sheet as a file, readable by its owner alone.
///
/// # Errors
/// A file with another content is there; the disk.
pub fn write(path: &Path, sheet: &Sheet<'_>) -> Result<(), Failure> {
    let failed = |e| Failure::usage(format!("{}: {e}", path.display()), "Write the full path, beginning with /.");
    let path = wiring::absolute(path).map_err(failed)?;
    if let Some(there) = local::read(&path)? {
        let same = String::from_utf8(there).ok().and_then(|t| Identity::from_file_text(&t).ok());
        if same.is_none_or(|i| identity_line(&i) != identity_line(sheet.identity)) {
            let message = format!("{} is there already and holds something else", path.display());
            return Err(Failure::refused(message, "Nothing was changed. Name another file, or move that one away."));
        }
    }
    Ok(local::replace(&path, sheet.file().as_bytes())?)
}

/// The repository that is meant: what this computer is pinned to, what was typed, what the key's file says.
///
/// # Errors
/// They contradict each other, or there is none.
pub fn repository_of(
    pinned: Option<RepositoryId>,
    typed: Option<&str>,
    given: &Given,
) -> Result<RepositoryId, Failure> {
    let typed = typed.map(parse_id).transpose()?;
    let named: Vec<RepositoryId> = [pinned, typed, given.repository].into_iter().flatten().collect();
    let Some(first) = named.first() else {
        let hint = "It is printed on the recovery sheet: --id ID";
        return Err(Failure::usage(
            "which repository is it? Its id is needed, so that no other can be put in its place",
            hint,
        ));
    };
    if let Some(other) = named.iter().find(|id| *id != first) {
        let message = format!("the key is for the repository {}, not for {}", other.short(), first.short());
        return Err(Failure::said(Exit::WrongKey, message, "Compare the id with the recovery sheet."));
    }
    Ok(*first)
}

/// An id as typed.
///
/// # Errors
/// It is none.
pub fn parse_id(text: &str) -> Result<RepositoryId, Failure> {
    let tidy: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
    let hint = "It is printed on the recovery sheet: 64 digits and letters from a to f.";
    tidy.parse().map_err(|_| Failure::usage("this is no repository id", hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_must_agree_and_there_must_be_one() {
        let (a, b) = (RepositoryId::new([1; 32]), RepositoryId::new([2; 32]));
        let given = |repository| Given { identity: Identity::generate(), repository };
        assert_eq!(repository_of(Some(a), None, &given(Some(a))).unwrap(), a);
        let spaced = format!(" {} {} ", &a.to_hex()[..32].to_uppercase(), &a.to_hex()[32..]);
        assert_eq!(repository_of(None, Some(&spaced), &given(None)).unwrap(), a);
        let exit = |f: Result<RepositoryId, Failure>| super::super::hints::advice(&f.unwrap_err()).exit;
        assert_eq!(exit(repository_of(Some(a), None, &given(Some(b)))), Exit::WrongKey);
        assert_eq!(exit(repository_of(None, None, &given(None))), Exit::Usage);
        assert_eq!(exit(repository_of(None, Some("abc"), &given(None))), Exit::Usage);
    }

    #[test]
    fn only_the_same_key_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sheet.txt");
        let (one, two) = (Identity::generate(), Identity::generate());
        let sheet = |identity| Sheet {
            council: "A",
            repository: RepositoryId::new([7; 32]),
            address: "s3://b",
            flags: &[],
            identity,
            date: jiff::civil::date(2026, 1, 1),
        };
        write(&path, &sheet(&one)).unwrap();
        write(&path, &sheet(&one)).unwrap();
        assert!(write(&path, &sheet(&two)).is_err());
        let back = from_file(&path).unwrap();
        assert_eq!(back.repository, Some(RepositoryId::new([7; 32])));
        assert_eq!(identity_line(&back.identity), identity_line(&one));
    }
}
