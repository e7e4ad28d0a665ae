//! The recovery sheet: the key, which repository it opens, and how to use it with and without this program.
//!
//! One text for paper and for a file: in a file every line but the key's is a `#` comment, so that the file is a
//! plain age identity file that stock `age -i` reads.

use jiff::civil::Date;

use crate::domain::id::RepositoryId;
use crate::repo::seal::{Identity, identity_line};

/// What a sheet says.
pub struct Sheet<'a> {
    /// Whose repository it is.
    pub council: &'a str,
    /// Which repository.
    pub repository: RepositoryId,
    /// Where it lies.
    pub address: &'a str,
    /// The key.
    pub identity: &'a Identity,
    /// When the sheet was made.
    pub date: Date,
}

/// Letters in a group: as many as are typed without looking up again.
const GROUP: usize = 6;
/// Groups in a line.
const GROUPS: usize = 5;

impl Sheet<'_> {
    /// For paper and screen.
    pub fn printed(&self) -> String {
        self.lines().join("\n") + "\n"
    }

    /// For a file: comments and the key.
    pub fn file(&self) -> String {
        let comment = |line: &String| if line.is_empty() { "#\n".to_owned() } else { format!("# {line}\n") };
        let comments: String = self.lines().iter().map(comment).collect();
        format!("{comments}{}\n", identity_line(self.identity))
    }

    fn lines(&self) -> Vec<String> {
        let council = crate::domain::path::printable(self.council.as_bytes());
        let mut lines: Vec<String> = vec![
            "STRONGROOM RECOVERY SHEET".into(),
            format!("for the backups of: {council}"),
            String::new(),
            format!("repository: {}", self.repository),
            format!("address: {}", self.address),
            format!("date: {}", self.date.strftime("%-d %B %Y")),
            String::new(),
            "Print this and keep it in a safe, away from the computers it is for. Whoever has it can read".into(),
            "every document in the backup. If the office computer is lost, nothing else opens it.".into(),
            String::new(),
            "The key, in groups (small letters will do, spaces do not matter):".into(),
            String::new(),
        ];
        lines.extend(groups(&identity_line(self.identity)).into_iter().map(|l| format!("    {l}")));
        lines.extend(
            HOW.lines().map(|line| line.replace("{ADDRESS}", self.address).replace("{ID}", &self.repository.to_hex())),
        );
        lines
    }
}

const HOW: &str = "
To prove that this sheet works (once, and then every year):
    strongroom key sheet --check

To get everything back on a new computer:
    strongroom recover --repository {ADDRESS} --id {ID} --to FOLDER

To get it back WITHOUT this program, with the free programs age and zstd:
 1. Type the key into a file key.txt, in one line without spaces.
 2. Copy the repository to a folder. Of the files in keys/, try each:
        age -d -i key.txt keys/NAME.age | zstd -d
    One opens. It holds the keys called \"writing\" (they open log/ and index/) and \"reading\" (packs/).
 3. Put both into files and open anything: age -d -i FILE packs/xx/NAME.age | zstd -d
    What is inside is described in FORMAT.md, and a short script that brings back whole folders is in
    docs/recover-without-strongroom, both in the program's source. Keep a printout of it with this sheet.";

/// The key in groups, so that it can be typed and read aloud.
fn groups(key: &str) -> Vec<String> {
    let (head, tail) = key.split_at(key.find("-1").map_or(0, |at| at + 2));
    let letters: Vec<char> = tail.chars().collect();
    let groups: Vec<String> = letters.chunks(GROUP).map(|g| g.iter().collect()).collect();
    std::iter::once(head.to_owned()).chain(groups.chunks(GROUPS).map(|line| line.join(" "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_sheet(test: impl Fn(&Sheet<'_>, &Identity)) {
        let identity = Identity::generate();
        let repository = RepositoryId::new([7; 32]);
        let date = jiff::civil::date(2026, 11, 22);
        let sheet =
            Sheet { council: "Anytown Town Council", repository, address: "s3://b/p", identity: &identity, date };
        test(&sheet, &identity);
    }

    #[test]
    fn the_file_is_an_age_identity_file_that_names_its_repository() {
        with_sheet(|sheet, identity| {
            let text = sheet.file();
            let back = Identity::from_file_text(&text).unwrap();
            assert_eq!(back.recipient().to_string(), identity.recipient().to_string());
            assert!(text.contains(&format!("\n# repository: {}\n", "07".repeat(32))));
            assert!(text.contains("\n# address: s3://b/p\n"));
            assert_eq!(text.lines().filter(|l| !l.starts_with('#')).count(), 1);
        });
    }

    #[test]
    fn the_key_typed_from_the_groups_is_the_key() {
        with_sheet(|sheet, identity| {
            let text = sheet.printed();
            let start = text.find("    AGE-SECRET-KEY-1").unwrap();
            let end = text[start..].find("\n\n").unwrap() + start;
            let typed = Identity::parse(&text[start..end].to_lowercase()).unwrap();
            assert_eq!(typed.recipient().to_string(), identity.recipient().to_string());
            assert!(text.contains("on a new computer:\n    strongroom recover --repository s3://b/p --id 0707"));
            assert!(text.lines().all(|l| l.chars().count() <= 200));
        });
    }
}
