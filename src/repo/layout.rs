//! Where things lie under the prefix. Every name from the store is parsed into a closed type before it is used.

use crate::domain::id::{ActorId, IndexName, KeyholderId, NoteName, PackName};

/// The place of one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// `strongroom`: a hint, never believed.
    Hint,
    /// `keys/<keyholder>-<epoch>.age`
    Bundle(KeyholderId, u32),
    /// `log/<10 digits>.age`
    Log(u64),
    /// `index/<digest>.age`
    Index(IndexName),
    /// `packs/<2 hex>/<digest>.age`
    Pack(PackName),
    /// `notes/<digest>.age`
    Note(NoteName),
    /// `heartbeat/<actor>-<10 digits>`: a sign of life.
    Heartbeat(ActorId, u64),
    /// `probe/<name>`: the store's conditions are tried out on these.
    Probe(String),
}

/// The folder of packs.
pub const PACKS: &str = "packs";
/// The folder of bundles.
pub const KEYS: &str = "keys";
/// The folder of the log.
pub const LOG: &str = "log";
/// The folder of indexes.
pub const INDEX: &str = "index";
/// The folder of notes.
pub const NOTES: &str = "notes";
/// The folder of signs of life.
pub const HEARTBEAT: &str = "heartbeat";

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hint => f.write_str("strongroom"),
            Self::Bundle(holder, epoch) => write!(f, "{KEYS}/{holder}-{epoch}.age"),
            Self::Log(n) => write!(f, "{LOG}/{n:010}.age"),
            Self::Index(name) => write!(f, "{INDEX}/{name}.age"),
            Self::Pack(name) => {
                let hex = name.to_hex();
                write!(f, "{PACKS}/{}/{hex}.age", &hex[..2])
            }
            Self::Note(name) => write!(f, "{NOTES}/{name}.age"),
            Self::Heartbeat(actor, n) => write!(f, "{HEARTBEAT}/{actor}-{n:010}"),
            Self::Probe(name) => write!(f, "probe/{name}"),
        }
    }
}

impl Key {
    /// Parses a name below the prefix; `None` for anything that is not exactly one of ours.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "strongroom" {
            return Some(Self::Hint);
        }
        let (folder, file) = name.split_once('/')?;
        if folder == "probe" {
            let clean = !file.is_empty() && file.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            return clean.then(|| Self::Probe(file.into()));
        }
        if folder == HEARTBEAT {
            let (actor, n) = file.split_once('-')?;
            let key = Self::Heartbeat(actor.parse().ok()?, n.parse().ok()?);
            return (n.len() == 10 && key.to_string() == name).then_some(key);
        }
        let stem = file.strip_suffix(".age")?;
        let key = match folder {
            KEYS => {
                let (holder, epoch) = stem.split_once('-')?;
                Self::Bundle(holder.parse().ok()?, epoch.parse().ok()?)
            }
            LOG => Self::Log(stem.parse().ok()?),
            INDEX => Self::Index(stem.parse().ok()?),
            NOTES => Self::Note(stem.parse().ok()?),
            PACKS => Self::Pack(stem.split_once('/')?.1.parse().ok()?),
            _ => return None,
        };
        (key.to_string() == name).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_nothing_else_parses() {
        let keys = [
            Key::Hint,
            Key::Bundle(KeyholderId::new([3; 32]), 12),
            Key::Log(7),
            Key::Index(IndexName::new([4; 32])),
            Key::Pack(PackName::new([0xab; 32])),
            Key::Note(NoteName::new([5; 32])),
            Key::Heartbeat(ActorId::new([6; 32]), 7),
            Key::Probe("race-1".into()),
        ];
        for key in keys {
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
        let pack = Key::Pack(PackName::new([0xab; 32])).to_string();
        for bad in [
            "log/7.age",
            "log/+000000007.age",
            "log/0000000007",
            "packs/../x.age",
            "../strongroom",
            &pack.replace("packs/ab", "packs/cd"),
            "probe/a/b",
            "heartbeat/x-0000000001",
            &Key::Heartbeat(ActorId::new([6; 32]), 7).to_string().replace("-000", "-+00"),
            &Key::Heartbeat(ActorId::new([6; 32]), 10_000_000_000).to_string(),
            "keys/x-1.age",
            "notes/x.age",
            "",
        ] {
            assert_eq!(Key::parse(bad), None, "{bad}");
        }
    }
}
