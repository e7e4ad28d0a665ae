//! Who can open what: bundles in `keys/`, each sealed to one keyholder and signed by the root key.
//!
//! A bundle is believed only when the root key of the pinned repository signed it and it names that
//! repository and that keyholder: a store cannot plant one of its own making.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::envelope;
use super::seal::{Identity, Recipient, SealError, identity_line, open, seal};
use super::sign::{Purpose, Seed};
use crate::domain::id::{ActorId, KeyholderId, RepositoryId};

/// The plain content of a bundle. Lists are newest first.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The repository it belongs to.
    pub repository: RepositoryId,
    /// The epoch it was made in.
    pub epoch: u32,
    /// Who it was made for.
    pub keyholder: KeyholderId,
    /// Identities that open packs, of every epoch; empty on a machine that may only write.
    pub reading: Vec<String>,
    /// Identities that open the log and indexes, of every epoch.
    pub writing: Vec<String>,
    /// The secret behind chunk ids, as 64 hexadecimal digits.
    pub chunk_key: String,
    /// The secret root key, on the recovery sheet's bundle only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_seed: Option<String>,
}

impl Drop for Bundle {
    fn drop(&mut self) {
        self.reading.iter_mut().for_each(Zeroize::zeroize);
        self.writing.iter_mut().for_each(Zeroize::zeroize);
        self.chunk_key.zeroize();
        self.root_seed.zeroize();
    }
}

/// A bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It does not open, or a key in it is of an unknown kind.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It is not signed by this repository's root key, or it belongs to somebody else.
    #[error("the key bundle in the store was not made by this repository's root key; do not use it")]
    Forged,
}

/// The keys of a bundle, ready for use.
#[derive(Clone)]
pub struct KeyRing {
    /// Open packs.
    pub reading: Vec<Identity>,
    /// Open the log and indexes.
    pub writing: Vec<Identity>,
    /// The secret behind chunk ids.
    pub chunk_secret: [u8; 32],
    /// The root key, if this is the recovery sheet's.
    pub root: Option<Seed>,
    /// Whose keys these are.
    pub keyholder: KeyholderId,
}

impl Bundle {
    /// Puts keys together for one keyholder.
    pub fn new(repository: RepositoryId, epoch: u32, ring: &KeyRing, keyholder: KeyholderId) -> Self {
        Self {
            repository,
            epoch,
            keyholder,
            reading: ring.reading.iter().map(identity_line).collect(),
            writing: ring.writing.iter().map(identity_line).collect(),
            chunk_key: hex::encode(ring.chunk_secret),
            root_seed: ring.root.as_ref().map(|s| hex::encode(s.secret_bytes())),
        }
    }

    /// Signs and seals it. One without the root key is sealed to the newest reading key, too: who makes bundles can tell
    /// one that was made before from a planted one, and whoever has that key has all that is in it.
    ///
    /// # Errors
    /// [`BundleError::Seal`].
    pub fn seal(
        &self,
        root: &Seed,
        recipient: &Recipient,
        newest_reading: Option<&Identity>,
    ) -> Result<Bytes, BundleError> {
        let reader = newest_reading.filter(|_| self.root_seed.is_none()).map(Identity::recipient);
        let recipients: Vec<&Recipient> = std::iter::once(recipient).chain(&reader).collect();
        let body = serde_json::to_vec(self).map_err(|e| SealError::Seal(e.to_string()))?;
        let framed = super::compress::frame(&envelope::wrap(root, Purpose::Keys, &body));
        let framed = framed.map_err(|e| SealError::Seal(e.to_string()))?;
        Ok(Bytes::from(seal(&framed, &recipients)?))
    }

    /// Opens what `identity` opens, and believes it only if `root` signed it for this repository.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn open(
        stored: Bytes,
        identity: &Identity,
        root: &ActorId,
        repository: RepositoryId,
        keyholder: KeyholderId,
    ) -> Result<Self, BundleError> {
        let framed = open(stored, std::slice::from_ref(identity))?.all()?;
        let text = super::compress::unframe_up_to(&framed, MAX_BUNDLE).map_err(|_| BundleError::Forged)?;
        let body = envelope::unwrap(&text, root, Purpose::Keys).ok_or(BundleError::Forged)?;
        let bundle: Self = serde_json::from_slice(body).map_err(|_| BundleError::Forged)?;
        if bundle.repository != repository || bundle.keyholder != keyholder {
            return Err(BundleError::Forged);
        }
        Ok(bundle)
    }

    /// Parses the keys.
    ///
    /// # Errors
    /// [`BundleError`] when a key is of an unknown kind.
    pub fn ring(&self) -> Result<KeyRing, BundleError> {
        let parse = |keys: &[String]| keys.iter().map(|k| Identity::parse(k)).collect::<Result<Vec<_>, _>>();
        Ok(KeyRing {
            reading: parse(&self.reading)?,
            writing: parse(&self.writing)?,
            chunk_secret: secret(&self.chunk_key)?,
            root: self.root_seed.as_deref().map(secret).transpose()?.map(Seed::new),
            keyholder: self.keyholder,
        })
    }
}

/// A bundle is small.
const MAX_BUNDLE: usize = 1 << 20;

fn secret(text: &str) -> Result<[u8; 32], BundleError> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| BundleError::Forged)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> KeyRing {
        KeyRing {
            reading: vec![Identity::generate()],
            writing: vec![Identity::generate()],
            chunk_secret: [7; 32],
            root: None,
            keyholder: KeyholderId::new([5; 32]),
        }
    }

    #[test]
    fn only_the_root_keys_bundle_for_this_repository_and_holder_is_believed() {
        let (root, thief, holder) = (Seed::new([1; 32]), Seed::new([2; 32]), Identity::generate());
        let (id, who) = (RepositoryId::new([3; 32]), KeyholderId::new([5; 32]));
        let bundle = Bundle::new(id, 1, &ring(), who);
        let good = bundle.seal(&root, &holder.recipient(), None).unwrap();
        let open = |stored, root: &Seed, id, who| Bundle::open(stored, &holder, &root.actor(), id, who);
        assert_eq!(open(good.clone(), &root, id, who).unwrap().ring().unwrap().chunk_secret, [7; 32]);
        let forged = bundle.seal(&thief, &holder.recipient(), None).unwrap();
        assert!(matches!(open(forged, &root, id, who), Err(BundleError::Forged)));
        let other = RepositoryId::new([4; 32]);
        assert!(matches!(open(good.clone(), &root, other, who), Err(BundleError::Forged)));
        assert!(matches!(open(good, &root, id, KeyholderId::new([6; 32])), Err(BundleError::Forged)));
    }
}
