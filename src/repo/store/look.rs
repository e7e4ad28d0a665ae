//! What a store lists. A listing decides nothing: it says where to look, and that something was seen.

use std::collections::HashMap;

use futures::StreamExt;
use futures::stream::BoxStream;
use jiff::Timestamp;
use object_store::{ObjectMeta, ObjectStore};
use serde::{Deserialize, Serialize};

use super::{Store, StoreError, to_timestamp};
use crate::domain::id::PackName;
use crate::repo::layout::Key;

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its place.
    pub key: Key,
    /// Its stored length.
    pub size: u64,
    /// When the store says it was written.
    pub modified: Timestamp,
    /// What the store calls these very bytes, if anything.
    pub tag: Option<String>,
}

impl Listed {
    /// The sizes of the packs among them.
    pub fn packs(all: Vec<Self>) -> HashMap<PackName, u64> {
        let pack = |l: Self| if let Key::Pack(name) = l.key { Some((name, l.size)) } else { None };
        all.into_iter().filter_map(pack).collect()
    }
}

/// What tells an object from any other that was ever put under its name, as far as the store is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its stored length.
    pub size: u64,
    /// What the store calls its bytes.
    pub tag: String,
}

impl Mark {
    /// Whether a listing shows the object that this was said of.
    pub fn is(&self, listed: &Listed) -> bool {
        self.size == listed.size && Some(&self.tag) == listed.tag.as_ref()
    }
}

impl Store {
    /// Everything in a folder. Foreign names are left out and counted.
    ///
    /// # Errors
    /// A fault of the store on any page: never a part of the list as if it were the whole.
    pub fn list(&self, folder: &str) -> Result<(Vec<Listed>, usize), StoreError> {
        let base = self.prefix.clone().join(folder);
        self.gather(self.inner.list(Some(&base)))
    }

    /// Everything whose name comes after this one: of the log what is behind it, and all packs. Foreign names are left out.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn list_after(&self, key: &Key) -> Result<Vec<Listed>, StoreError> {
        let base = (self.prefix.parts().count() > 0).then_some(&self.prefix);
        Ok(self.gather(self.inner.list_with_offset(base, &self.path(key)))?.0)
    }

    fn gather(
        &self,
        mut stream: BoxStream<'_, object_store::Result<ObjectMeta>>,
    ) -> Result<(Vec<Listed>, usize), StoreError> {
        let skip = self.prefix.parts().count();
        let (mut foreign, mut listed) = (0, vec![]);
        while let Some(meta) = self.wait("list", 0, async { stream.next().await.transpose() })? {
            let name: Vec<String> = meta.location.parts().skip(skip).map(|p| p.as_ref().to_string()).collect();
            let modified = to_timestamp(meta.last_modified);
            match Key::parse(&name.join("/")) {
                Some(key) => listed.push(Listed { key, size: meta.size, modified, tag: meta.e_tag }),
                None => foreign += 1,
            }
        }
        Ok((listed, foreign))
    }
}
