//! Names of users and groups, read once from the machine's own files.
//!
//! A name from a directory service that is not in those files is unknown; the number is always kept.

use std::collections::HashMap;
use std::path::Path;

/// Numbers to names and back. Where a file has an entry twice, the first counts.
#[derive(Debug, Clone, Default)]
pub struct Names {
    users: Table,
    groups: Table,
}

#[derive(Debug, Clone, Default)]
struct Table {
    by_id: HashMap<u32, String>,
    by_name: HashMap<String, u32>,
}

impl Names {
    /// Reads `/etc/passwd` and `/etc/group`; a file that cannot be read gives no names.
    pub fn load() -> Self {
        let read = |path: &str| std::fs::read(Path::new(path)).unwrap_or_default();
        Self::parse(&read("/etc/passwd"), &read("/etc/group"))
    }

    /// Parses the contents of the two files.
    pub fn parse(passwd: &[u8], group: &[u8]) -> Self {
        Self { users: Table::parse(passwd), groups: Table::parse(group) }
    }

    /// The user's name.
    pub fn user(&self, uid: u32) -> Option<&str> {
        self.users.by_id.get(&uid).map(String::as_str)
    }

    /// The group's name.
    pub fn group(&self, gid: u32) -> Option<&str> {
        self.groups.by_id.get(&gid).map(String::as_str)
    }

    /// The user's number.
    pub fn uid(&self, name: &str) -> Option<u32> {
        self.users.by_name.get(name).copied()
    }

    /// The group's number.
    pub fn gid(&self, name: &str) -> Option<u32> {
        self.groups.by_name.get(name).copied()
    }
}

impl Table {
    /// Both files are `name:password:number:…`.
    fn parse(text: &[u8]) -> Self {
        let mut table = Self::default();
        for line in text.split(|b| *b == b'\n') {
            let Ok(line) = std::str::from_utf8(line) else { continue };
            let mut fields = line.split(':');
            let (Some(name), Some(_), Some(id)) = (fields.next(), fields.next(), fields.next()) else { continue };
            let Ok(id) = id.parse::<u32>() else { continue };
            if name.is_empty() || name.starts_with(['#', '+', '-']) {
                continue;
            }
            table.by_id.entry(id).or_insert_with(|| name.to_owned());
            table.by_name.entry(name.to_owned()).or_insert(id);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_lines_are_passed_over() {
        let n = Names::parse(
            b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n\xff:x:7:7\n#old:x:8:8\n+::::\nclerk:x:1001:100::/:\n",
            b"root:x:0:\nstaff:x:50:clerk,\nbad:x:fifty:\nstaff:x:51:\n",
        );
        assert_eq!((n.user(0), n.user(1001), n.user(7), n.user(8)), (Some("root"), Some("clerk"), None, None));
        assert_eq!((n.uid("toor"), n.uid("nobody")), (Some(0), None));
        assert_eq!(
            (n.group(50), n.gid("staff"), n.gid("bad"), n.group(51)),
            (Some("staff"), Some(50), None, Some("staff"))
        );
    }

    #[test]
    fn this_machine_has_a_root() {
        assert_eq!(Names::load().uid("root"), Some(0));
    }
}
