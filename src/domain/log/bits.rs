//! A set of packs, by the order in which the log first named them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A growable set of small numbers, written as base64 in log entries (bit i of byte i/8, lowest first).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bits(Vec<u8>);

/// A bitmap longer than this names more packs than any repository can have (8 million).
const MAX_BYTES: usize = 1 << 20;

impl Bits {
    /// Adds `index`.
    pub fn insert(&mut self, index: u32) {
        let byte = (index / 8) as usize;
        if byte >= self.0.len() {
            self.0.resize(byte + 1, 0);
        }
        self.0[byte] |= 1 << (index % 8);
    }

    /// Takes `index` out.
    pub fn remove(&mut self, index: u32) {
        if let Some(byte) = self.0.get_mut((index / 8) as usize) {
            *byte &= !(1 << (index % 8));
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// Whether `index` is in the set.
    pub fn contains(&self, index: u32) -> bool {
        self.0.get((index / 8) as usize).is_some_and(|b| b & (1 << (index % 8)) != 0)
    }

    /// The members in rising order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0
            .iter()
            .enumerate()
            .flat_map(|(byte, bits)| (0..8u32).filter(move |i| bits & (1 << i) != 0).map(move |i| byte as u32 * 8 + i))
    }

    /// Adds every member of `other`.
    pub fn union(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|b| *b == 0)
    }

    /// How many members.
    pub fn count(&self) -> usize {
        self.0.iter().map(|b| b.count_ones() as usize).sum()
    }
}

impl FromIterator<u32> for Bits {
    fn from_iter<I: IntoIterator<Item = u32>>(items: I) -> Self {
        let mut bits = Self::default();
        for item in items {
            bits.insert(item);
        }
        bits
    }
}

impl Serialize for Bits {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bits {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        if bytes.len() > MAX_BYTES {
            return Err(serde::de::Error::custom("bitmap too long"));
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_back_after_storing() {
        let bits: Bits = [0u32, 7, 8, 4000].into_iter().collect();
        let text = serde_json::to_string(&bits).unwrap();
        let back: Bits = serde_json::from_str(&text).unwrap();
        assert_eq!(back.iter().collect::<Vec<_>>(), [0, 7, 8, 4000]);
        assert!(back.contains(8) && !back.contains(9) && !back.contains(100_000));
        assert_eq!(back.count(), 4);
    }

    #[test]
    fn taking_out_leaves_the_rest() {
        let mut bits: Bits = [1u32, 9].into_iter().collect();
        bits.remove(9);
        bits.remove(77);
        assert_eq!(bits, [1u32].into_iter().collect());
    }

    #[test]
    fn a_bitmap_of_the_greatest_length_is_read_and_no_longer_one() {
        let read = |len| serde_json::from_value::<Bits>(STANDARD.encode(vec![1u8; len]).into());
        assert_eq!(read(MAX_BYTES).unwrap().count(), MAX_BYTES);
        assert!(read(MAX_BYTES + 1).is_err());
    }
}
