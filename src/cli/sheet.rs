//! The recovery sheet: the key, which repository it opens, and how to use it with and without this program.
//!
//! One text for paper and for a file: in a file every line but the key's is a `#` comment, so that the file is a
//! plain age identity file that stock `age -i` reads.

use jiff::civil::Date;

use super::qr;
use crate::config::Store;
use crate::domain::id::RepositoryId;
use crate::repo::seal::{Identity, identity_line};
use crate::service::plain;

/// What a sheet says.
pub struct Sheet<'a> {
    /// Whose repository it is.
    pub council: &'a str,
    /// Which repository.
    pub repository: RepositoryId,
    /// Where it lies.
    pub address: &'a str,
    /// What `strongroom recover` needs to find the store, besides the address: `--endpoint URL` and so on.
    pub flags: &'a [String],
    /// The key.
    pub identity: &'a Identity,
    /// When the sheet was made.
    pub date: Date,
}

/// What `strongroom recover` must be told of a store, besides its address and credentials.
pub fn flags(store: &Store) -> Vec<String> {
    let endpoint =
        |url: &Option<url::Url>| url.as_ref().map(|u| format!("--endpoint {}", u.as_str().trim_end_matches('/')));
    let http = |allowed: bool| allowed.then(|| "--allow-http".to_owned());
    let all = match store {
        Store::Folder(_) | Store::Google(_) => vec![],
        Store::S3(s3) => vec![
            endpoint(&s3.endpoint),
            s3.region.as_ref().map(|r| format!("--region {r}")),
            (s3.endpoint.is_some() && !s3.path_style).then(|| "--virtual-hosted".to_owned()),
            http(s3.allow_http),
        ],
        Store::Azure(azure) => vec![
            azure.account.as_ref().map(|a| format!("--account {a}")),
            endpoint(&azure.endpoint),
            http(azure.allow_http),
        ],
    };
    all.into_iter().flatten().collect()
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
            format!("date: {}", plain::date(self.date)),
            String::new(),
            "Print this and keep it in a safe, away from the computers it is for. Whoever has it can read".into(),
            "every document in the backup. If the office computer is lost, nothing else opens it.".into(),
            String::new(),
            "The key, in groups (Strongroom takes small letters and spaces too; the program age does not):".into(),
            String::new(),
        ];
        lines.extend(groups(&identity_line(self.identity)).into_iter().map(|l| format!("    {l}")));
        lines.extend([
            String::new(),
            "The same key as a QR code, only for a scanner at the computer on which you recover; never with a".into(),
            "telephone:".into(),
        ]);
        lines.extend(qr::lines(&identity_line(self.identity)));
        let flags: String = self.flags.iter().map(|f| format!(" {f}")).collect();
        let id = self.repository.to_hex();
        let filled =
            |line: &str| line.replace("{ADDRESS}", self.address).replace("{FLAGS}", &flags).replace("{ID}", &id);
        lines.extend(HOW.lines().map(filled));
        lines
    }
}

const HOW: &str = "
To prove that this sheet works (once, and then every year):
    strongroom key sheet --check

To get everything back on a new computer (the store's credentials are needed too: if they are lost with the
office, the provider of the store gives new ones to whoever holds the account):
    strongroom recover --repository {ADDRESS}{FLAGS} --id {ID} --to FOLDER

To get it back WITHOUT this program, with the free programs age, zstd and b3sum, and Python 3:
 1. Type the key into a file key.txt: in CAPITAL letters, one line, no spaces, beginning AGE-SECRET-KEY-1
 2. Copy the repository to a folder. Of the files in keys/, try each:
        age -d -i key.txt keys/NAME.age | zstd -d
    This key opens those of one name; after a change of keys, take the one with the highest number at its end.
    It holds two lists of keys: \"writing\" (they open log/ and index/) and \"reading\" (they open packs/).
 3. Put each key of a list, without the quotation marks, into a file of its own, and open anything:
        age -d -i FILE packs/xx/NAME.age | zstd -d
    What is inside is described in src/repo/FORMAT.md, and docs/recover-without-strongroom.py is a short script that
    brings back whole folders; both are in the program's source. Keep a printout of them with this sheet.";

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
        let flags = ["--endpoint https://s3.example.com".to_owned(), "--region eu-west-2".to_owned()];
        let sheet = Sheet {
            council: "Anytown Town Council",
            repository,
            address: "s3://b/p",
            flags: &flags,
            identity: &identity,
            date,
        };
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
    fn the_code_on_the_sheet_is_the_key_on_paper_and_in_the_file() {
        with_sheet(|sheet, identity| {
            for (text, before) in [(sheet.printed(), ""), (sheet.file(), "# ")] {
                let lines: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix(before)).collect();
                let start = lines.iter().position(|l| *l == "telephone:").unwrap() + 1;
                assert!(lines[start - 2].contains("only for a scanner at the computer on which you recover; never"));
                let end = lines.iter().position(|l| l.starts_with("To prove that")).unwrap();
                let read = qr::tests::read(&lines[start..end]);
                assert_eq!(read, *identity_line(identity));
                assert_eq!(Identity::parse(&read).unwrap().recipient().to_string(), identity.recipient().to_string());
            }
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
            assert!(text.lines().all(|l| l.chars().count() <= 240));
        });
    }

    #[test]
    fn the_way_back_is_told_word_for_word() {
        with_sheet(|sheet, _| {
            let text = sheet.printed();
            let id = "07".repeat(32);
            for line in [
                "office, the provider of the store gives new ones to whoever holds the account):",
                &format!(
                    "    strongroom recover --repository s3://b/p --endpoint https://s3.example.com --region eu-west-2 --id {id} --to FOLDER"
                ),
                "To get it back WITHOUT this program, with the free programs age, zstd and b3sum, and Python 3:",
                " 1. Type the key into a file key.txt: in CAPITAL letters, one line, no spaces, beginning AGE-SECRET-KEY-1",
                "        age -d -i key.txt keys/NAME.age | zstd -d",
                "    This key opens those of one name; after a change of keys, take the one with the highest number at its end.",
                "    It holds two lists of keys: \"writing\" (they open log/ and index/) and \"reading\" (they open packs/).",
                " 3. Put each key of a list, without the quotation marks, into a file of its own, and open anything:",
                "    What is inside is described in src/repo/FORMAT.md, and docs/recover-without-strongroom.py is a short script that",
            ] {
                assert!(text.lines().any(|l| l == line), "{line}\n{text}");
            }
        });
    }
}
