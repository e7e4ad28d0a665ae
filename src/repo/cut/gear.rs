//! The only file that knows the `fastcdc` crate: a gear hash over a table that is secret to the repository.
//!
//! Cut points depend on the key, the sizes and the bytes alone. The key must be derived for this use and serve no
//! other: published attacks on keyed gear tables recover them from visible chunk lengths, which packs hide.

use std::fmt;

use fastcdc::v2020::{Normalization, cut_gear, select_masks};
use zeroize::Zeroizing;

/// Separates the gear table from anything else that might ever be derived from the same key.
const TABLE_CONTEXT: &[u8] = b"strongroom gear table, version 1";

/// The secret from which the gear table is made.
pub struct GearKey(Zeroizing<[u8; 32]>);

impl GearKey {
    /// Takes a key that the caller derived for cutting and for nothing else.
    pub fn new(key: [u8; 32]) -> Self {
        Self(Zeroizing::new(key))
    }
}

impl fmt::Debug for GearKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GearKey(secret)")
    }
}

/// Smallest, usual and largest chunk. All even, as the two-byte scan of the cutter demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// No cut before this many bytes, except at the end of a region.
    pub min: usize,
    /// Where normalisation changes from the strict to the lenient mask.
    pub avg: usize,
    /// A cut here at the latest.
    pub max: usize,
}

impl Sizes {
    /// For content that is written once or rewritten as a whole.
    pub const NORMAL: Self = Self::new(32 << 10, 128 << 10, 512 << 10);
    /// For content edited in scattered places: mail archives, databases, images of disks.
    pub const SMALL: Self = Self::new(16 << 10, 64 << 10, 256 << 10);

    /// Checked when compiled: an odd or disordered size would silently shift every cut.
    const fn new(min: usize, avg: usize, max: usize) -> Self {
        assert!(min >= 64 && min < avg && avg < max);
        assert!(min.is_multiple_of(2) && avg.is_multiple_of(2) && max.is_multiple_of(2));
        Self { min, avg, max }
    }
}

/// The two masks of one preset, each also shifted for the first byte of a pair.
struct Masks {
    strict: u64,
    lenient: u64,
}

impl Masks {
    fn of(sizes: Sizes) -> Self {
        let (strict, lenient) = select_masks(sizes.avg, Normalization::Level2);
        Self { strict, lenient }
    }
}

/// The keyed table, ready to cut. Make one per run and share it.
pub struct Gear {
    table: [u64; 256],
    shifted: [u64; 256],
    normal: Masks,
    small: Masks,
}

impl fmt::Debug for Gear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gear(secret)")
    }
}

impl Gear {
    /// Expands the key into the table.
    pub fn new(key: &GearKey) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(&key.0);
        hasher.update(TABLE_CONTEXT);
        let mut stream = hasher.finalize_xof();
        let mut table = [0u64; 256];
        for slot in &mut table {
            let mut word = [0u8; 8];
            stream.fill(&mut word);
            *slot = u64::from_le_bytes(word);
        }
        let shifted = table.map(|word| word << 1);
        Self { table, shifted, normal: Masks::of(Sizes::NORMAL), small: Masks::of(Sizes::SMALL) }
    }

    /// How many leading bytes of `window` make the next chunk. `window` must reach `sizes.max` or the region's end.
    pub(super) fn cut(&self, window: &[u8], small: bool) -> usize {
        let (sizes, masks) = if small { (Sizes::SMALL, &self.small) } else { (Sizes::NORMAL, &self.normal) };
        let Masks { strict, lenient } = *masks;
        let (_, len) = cut_gear(
            window,
            sizes.min,
            sizes.avg,
            sizes.max,
            strict,
            lenient,
            strict << 1,
            lenient << 1,
            &self.table,
            &self.shifted,
        );
        len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::cut::tests::noise;

    fn lengths(gear: &Gear, data: &[u8], small: bool) -> Vec<usize> {
        let mut rest = data;
        let mut found = Vec::new();
        while !rest.is_empty() {
            let len = gear.cut(rest, small);
            found.push(len);
            rest = &rest[len..];
        }
        found
    }

    #[test]
    fn cut_points_are_frozen() {
        let gear = Gear::new(&GearKey::new([7; 32]));
        let data = noise(1, 3 << 20);
        assert_eq!(
            lengths(&gear, &data, false),
            [
                144073, 205033, 134691, 151868, 156256, 85904, 185726, 161334, 138213, 153465, 138817, 137055, 144833,
                81829, 151037, 151994, 164619, 144539, 164186, 240623, 100181, 9452
            ]
        );
        assert_eq!(
            lengths(&gear, &data[..1 << 20], true),
            [79040, 69761, 79880, 75134, 125720, 69862, 91167, 102991, 29705, 68661, 85339, 67582, 103734]
        );
    }

    #[test]
    fn another_key_cuts_elsewhere() {
        let data = noise(1, 3 << 20);
        let one = lengths(&Gear::new(&GearKey::new([7; 32])), &data, false);
        let other = lengths(&Gear::new(&GearKey::new([8; 32])), &data, false);
        assert_ne!(one, other);
    }

    #[test]
    fn sizes_stay_within_their_limits_and_near_their_average() {
        let gear = Gear::new(&GearKey::new([7; 32]));
        let data = noise(2, 32 << 20);
        for (small, sizes) in [(false, Sizes::NORMAL), (true, Sizes::SMALL)] {
            let found = lengths(&gear, &data, small);
            let (_, whole) = found.split_last().unwrap();
            assert!(whole.iter().all(|len| (sizes.min..=sizes.max).contains(len)));
            let mean = data.len() / found.len();
            assert!(mean > sizes.avg * 3 / 4 && mean < sizes.avg * 3 / 2, "mean {mean} against {}", sizes.avg);
        }
    }

    #[test]
    fn endless_zeros_are_cut_at_the_largest_size() {
        let gear = Gear::new(&GearKey::new([7; 32]));
        let found = lengths(&gear, &vec![0; 4 << 20], false);
        assert!(found.iter().all(|len| *len == Sizes::NORMAL.max || *len == found[0]));
    }

    #[test]
    fn secrets_are_not_printed() {
        let key = GearKey::new([7; 32]);
        assert_eq!(format!("{key:?} {:?}", Gear::new(&key)), "GearKey(secret) Gear(secret)");
    }
}
