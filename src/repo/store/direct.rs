//! Packs of a folder go straight to the disk, where disk and file system can do that.

use std::io::ErrorKind;

use bytes::Bytes;
use object_store::{Error, PutResult};

use super::{Store, StoreError};
use crate::repo::layout::Key;
use crate::repo::local::direct::{Direct, create, settle, suits};

impl Store {
    /// Makes sure that the name of an object that was found in a folder is on the disk.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn settle(&self, key: &Key) -> Result<(), StoreError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        settle(&folder.join(key.to_string())).map_err(|e| StoreError::of_folder("write", self.address(), &e))
    }

    /// Creates a pack in this way; `None` where it cannot be done so, and nothing has happened.
    pub(super) async fn put_directly(&self, key: &Key, bytes: &Bytes) -> Option<object_store::Result<PutResult>> {
        let folder = self.folder.as_ref().filter(|_| matches!(key, Key::Pack(_)) && suits(bytes))?;
        let (path, bytes) = (folder.join(key.to_string()), bytes.clone());
        let created = self.handle.spawn_blocking(move || create(&path, &bytes)).await.ok()?;
        Some(match created {
            Ok(Direct::Otherwise) => return None,
            Ok(Direct::Done) => Ok(PutResult { e_tag: None, version: None, extensions: Default::default() }),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                Err(Error::AlreadyExists { path: key.to_string(), source: e.into() })
            }
            Err(source) => Err(Error::Generic { store: "LocalFileSystem", source: source.into() }),
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::super::{Created, StoreOptions, open};
    use super::*;
    use crate::domain::id::PackName;
    use crate::repo::local::direct::align;
    use crate::repo::local::dying::{Moment, disk_of};

    #[test]
    fn a_pack_that_lies_where_a_disk_can_take_it_goes_straight_there_and_is_an_object_like_any_other() {
        let (tmp, runtime) = (tempfile::tempdir().unwrap(), tokio::runtime::Runtime::new().unwrap());
        let url = format!("file://{}", tmp.path().display());
        let store = open(&StoreOptions { url, ..StoreOptions::default() }, runtime.handle()).unwrap();
        std::fs::create_dir(tmp.path().join("packs")).unwrap();
        const LENGTH: usize = (2 << 20) + 77;
        let pack = |seed: u8| {
            let mut bytes = BytesMut::new();
            align(&mut bytes, LENGTH);
            bytes.resize(LENGTH, seed);
            bytes.freeze()
        };
        let (one, other) = (pack(1), pack(2));
        let key = |seed: u8| Key::Pack(PackName::of(&[seed]));
        // In the usual way the store says how a listing will show it.
        let (created, mark) = store.create_marked(&key(1), &one).unwrap();
        assert_eq!((created, mark.is_some()), (Created::Ours, false));
        let (created, mark) = store.create_marked(&key(2), &one.slice(1..)).unwrap();
        assert_eq!((created, mark.is_some()), (Created::Ours, true));
        assert!(store.get(&key(1)).unwrap() == one && store.get(&key(2)).unwrap() == one[1..]);
        assert_eq!(store.create(&key(1), &one).unwrap(), Created::Ours, "it is there already");
        assert_eq!(store.create(&key(1), &other).unwrap(), Created::Taken);
        assert!(store.get(&key(1)).unwrap() == one);
        // What cannot be forced to the disk is not stored, although it is there; once it can be, it is.
        let disk = |_: &std::path::Path, moment| match moment {
            Moment::Force => Err(std::io::Error::from_raw_os_error(5)),
            Moment::Change => Ok(()),
        };
        disk_of(tmp.path(), Some(Box::new(disk)));
        let refused = [(4, &one), (1, &one)].map(|(n, bytes)| store.create(&key(n), bytes).is_err());
        disk_of(tmp.path(), None);
        assert_eq!((refused, store.create(&key(4), &one).unwrap()), ([true, true], Created::Ours));
        // Without the folder of all packs, too.
        std::fs::remove_dir_all(tmp.path().join("packs")).unwrap();
        assert_eq!(store.create(&key(3), &other).unwrap(), Created::Ours);
        assert!(store.get(&key(3)).unwrap() == other);
    }
}
