//! The digest of a file whose pieces come in any order, without the file.
//!
//! BLAKE3 is a tree over blocks of 1 KiB. Of what has come, whole subtrees are digested at once and 32 bytes kept of each;
//! of a block that has come in part, its bytes. What must hold: the result is that of BLAKE3 over the bytes in order, or
//! there is none; and no more is kept than is allowed for all files together.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

use super::engine::locked;
use crate::domain::id::Digest;
use crate::ops::error::OpsError;
use crate::ops::monitor::Stop;

const BLOCK: u64 = blake3::CHUNK_LEN as u64;
/// What is kept for all files of a window together.
const MOST_KEPT: i64 = 16 << 20;
/// About what a table takes for each subtree and each torn block.
const SUBTREE: usize = 64;
const TORN: usize = 1100;
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// A subtree by its height and its place among those of that height.
type Place = (u32, u64);

/// A stretch of a file, digested as far as it can be alone.
#[derive(Default)]
struct Stretch<'b> {
    whole: Option<Digest>,
    subtrees: Vec<(Place, ChainingValue)>,
    /// Parts of blocks: which, from where in it, and the bytes.
    torn: Vec<(u64, usize, &'b [u8])>,
}

/// A block of which a part has come.
struct Torn {
    have: usize,
    bytes: Box<[u8; BLOCK as usize]>,
}

/// One file on its way.
struct Tree {
    len: u64,
    subtrees: HashMap<Place, ChainingValue>,
    torn: HashMap<u64, Torn>,
    found: Option<Digest>,
}

/// Digests of the files of a window, by number.
pub(super) struct Digests {
    files: Vec<Mutex<File>>,
    kept: AtomicI64,
}

enum File {
    /// Nobody asks for its digest, or it grew too large on the way.
    None,
    /// So long, nothing has come.
    Waiting(u64),
    UnderWay(Box<Tree>),
}

fn digest(hash: blake3::Hash) -> Digest {
    Digest::new(*hash.as_bytes())
}

/// Digests what can be digested of the bytes at `offset` of a file of `len` bytes; needs nothing of what else has come.
fn stretch(len: u64, offset: u64, bytes: &[u8]) -> Stretch<'_> {
    if offset == 0 && bytes.len() as u64 == len {
        return Stretch { whole: Some(digest(blake3::hash(bytes))), ..Stretch::default() };
    }
    let (mut at, mut rest, mut made) = (offset, bytes, Stretch::default());
    while !rest.is_empty() {
        let (block, within) = (at / BLOCK, at % BLOCK);
        let to_the_end = at + rest.len() as u64 == len;
        let taken = if within > 0 || ((rest.len() as u64) < BLOCK && !to_the_end) {
            let taken = rest.len().min((BLOCK - within) as usize);
            made.torn.push((block, within as usize, &rest[..taken]));
            taken
        } else {
            let blocks = (rest.len() as u64).div_ceil(BLOCK);
            let most = if block == 0 { u64::MAX } else { 1 << block.trailing_zeros() };
            // The last subtree of a file may be cut short; all others are whole.
            let (height, taken) = if to_the_end && blocks <= most {
                (blocks.next_power_of_two().trailing_zeros(), rest.len())
            } else {
                let height = (rest.len() as u64 / BLOCK).min(most).ilog2();
                (height, (BLOCK << height) as usize)
            };
            let value = blake3::Hasher::new().set_input_offset(at).update(&rest[..taken]).finalize_non_root();
            made.subtrees.push(((height, block >> height), value));
            taken
        };
        at += taken as u64;
        rest = &rest[taken..];
    }
    made
}

impl Tree {
    fn new(len: u64) -> Self {
        Self { len, subtrees: HashMap::new(), torn: HashMap::new(), found: None }
    }

    fn kept(&self) -> usize {
        self.subtrees.len() * SUBTREE + self.torn.len() * TORN
    }

    fn take(&mut self, made: Stretch<'_>) {
        if made.whole.is_some() {
            self.found = made.whole;
        }
        for (block, within, part) in made.torn {
            let size = BLOCK.min(self.len - block * BLOCK) as usize;
            let new = || Torn { have: 0, bytes: Box::new([0; BLOCK as usize]) };
            let torn = self.torn.entry(block).or_insert_with(new);
            torn.bytes[within..within + part.len()].copy_from_slice(part);
            torn.have += part.len();
            if torn.have == size
                && let Some(torn) = self.torn.remove(&block)
            {
                let made = stretch(self.len, block * BLOCK, &torn.bytes[..size]);
                self.take(made);
            }
        }
        for (place, value) in made.subtrees {
            self.join(place, value);
        }
    }

    /// Joins a subtree with its neighbour as long as that is there already.
    fn join(&mut self, (mut height, mut at): Place, mut value: ChainingValue) {
        let blocks = self.len.div_ceil(BLOCK);
        loop {
            let other = at ^ 1;
            // One that would lie behind the end is none: what is left of it goes up alone.
            if at % 2 == 0 && other << height >= blocks {
                (height, at) = (height + 1, at >> 1);
                continue;
            }
            let Some(neighbour) = self.subtrees.remove(&(height, other)) else {
                self.subtrees.insert((height, at), value);
                return;
            };
            let (left, right) = if at % 2 == 0 { (&value, &neighbour) } else { (&neighbour, &value) };
            if 2u64 << height >= blocks {
                self.found = Some(digest(merge_subtrees_root(left, right, Mode::Hash)));
                return;
            }
            value = merge_subtrees_non_root(left, right, Mode::Hash);
            (height, at) = (height + 1, at >> 1);
        }
    }
}

impl Digests {
    /// For files of these lengths; none for those whose digest nobody asks for.
    pub fn new(lengths: impl Iterator<Item = Option<u64>>) -> Self {
        let file = |len: Option<u64>| Mutex::new(len.map_or(File::None, File::Waiting));
        Self { files: lengths.map(file).collect(), kept: AtomicI64::new(0) }
    }

    /// Some bytes of a file; each byte once, from any thread.
    pub fn piece(&self, file: u32, offset: u64, bytes: &[u8]) {
        let len = match &*locked(&self.files[file as usize]) {
            File::None => return,
            File::Waiting(len) => *len,
            File::UnderWay(tree) => tree.len,
        };
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > len) {
            return self.forget(file);
        }
        let made = stretch(len, offset, bytes);
        let mut file = locked(&self.files[file as usize]);
        if let File::Waiting(_) = *file {
            *file = File::UnderWay(Box::new(Tree::new(len)));
        }
        let File::UnderWay(tree) = &mut *file else { return };
        let before = tree.kept();
        tree.take(made);
        let more = tree.kept() as i64 - before as i64;
        if self.kept.fetch_add(more, Ordering::Relaxed) + more > MOST_KEPT {
            self.kept.fetch_sub(tree.kept() as i64, Ordering::Relaxed);
            *file = File::None;
        }
    }

    /// A hole in a file.
    ///
    /// # Errors
    /// When it is stopped: a hole may be as long as a disk.
    pub fn hole(&self, file: u32, offset: u64, len: u64, stop: &Stop) -> Result<(), OpsError> {
        let (mut at, end) = (offset, offset.saturating_add(len));
        while at < end && !matches!(*locked(&self.files[file as usize]), File::None) {
            // So that whole blocks stay whole.
            let step = (ZEROS.len() as u64 - at % BLOCK).min(end - at);
            stop.check()?;
            self.piece(file, at, &ZEROS[..step as usize]);
            at += step;
        }
        Ok(())
    }

    /// Its digest will not be asked for.
    pub fn forget(&self, file: u32) {
        if let File::UnderWay(tree) = std::mem::replace(&mut *locked(&self.files[file as usize]), File::None) {
            self.kept.fetch_sub(tree.kept() as i64, Ordering::Relaxed);
        }
    }

    /// The digest, when all of the file has come. None where that is not so, or where too much was to be kept.
    pub fn found(&self, file: u32) -> Option<Digest> {
        match std::mem::replace(&mut *locked(&self.files[file as usize]), File::None) {
            File::None => None,
            File::Waiting(len) => (len == 0).then(|| digest(blake3::hash(&[]))),
            File::UnderWay(tree) => {
                self.kept.fetch_sub(tree.kept() as i64, Ordering::Relaxed);
                tree.found.filter(|_| tree.kept() == 0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new().update(&len.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    }

    fn of_pieces(content: &[u8], mut cuts: Vec<usize>, seed: u64) -> (Option<Digest>, i64) {
        cuts.extend([0, content.len()]);
        cuts.sort_unstable();
        let mut pieces: Vec<(usize, &[u8])> = cuts.windows(2).map(|c| (c[0], &content[c[0]..c[1]])).collect();
        pieces.sort_by_key(|(at, _)| (*at as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        let digests = Digests::new([None, Some(content.len() as u64)].into_iter());
        pieces.iter().for_each(|(at, piece)| digests.piece(1, *at as u64, piece));
        assert_eq!(digests.found(0), None);
        (digests.found(1), digests.kept.into_inner())
    }

    proptest! {
        #[test]
        fn pieces_in_any_order_give_the_digest_of_the_whole(
            len in 0usize..70_000,
            cuts in proptest::collection::vec(0usize..70_000, 0..20),
            seed: u64,
        ) {
            let content = bytes(len);
            let cuts = cuts.into_iter().map(|c| c.min(len)).collect();
            let (found, kept) = of_pieces(&content, cuts, seed);
            prop_assert_eq!(found, Some(digest(blake3::hash(&content))));
            prop_assert_eq!(kept, 0);
        }
    }

    #[test]
    fn lengths_at_the_edges_of_blocks_and_subtrees() {
        for blocks in [1usize, 2, 3, 4, 5, 8, 9, 16, 17, 33] {
            for len in [blocks * 1024 - 1, blocks * 1024, blocks * 1024 + 1] {
                let content = bytes(len);
                for cuts in [vec![], vec![1], vec![len - 1], (0..len).step_by(1024).collect(), vec![len / 2, len / 3]] {
                    let whole = Some(digest(blake3::hash(&content)));
                    assert_eq!(of_pieces(&content, cuts.clone(), 12345).0, whole, "{len} {cuts:?}");
                }
            }
        }
    }

    #[test]
    fn a_hole_is_zeros() {
        let mut content = bytes(300_000);
        content[1_500..200_700].fill(0);
        let digests = Digests::new([Some(300_000)].into_iter());
        digests.piece(0, 200_700, &content[200_700..]);
        digests.hole(0, 1_500, 199_200, &Stop::default()).unwrap();
        digests.piece(0, 0, &content[..1_500]);
        assert_eq!(digests.found(0), Some(digest(blake3::hash(&content))));
    }

    #[test]
    fn what_is_missing_doubled_or_too_long_gives_nothing_and_what_is_wrong_another_digest() {
        let content = bytes(10_000);
        let given = |pieces: &[(u64, &[u8])]| {
            let digests = Digests::new([Some(10_000)].into_iter());
            pieces.iter().for_each(|(at, piece)| digests.piece(0, *at, piece));
            digests.found(0)
        };
        assert_eq!(given(&[]), None);
        assert_eq!(given(&[(0, &content[..9_999])]), None);
        assert_eq!(given(&[(0, &content[..5_000]), (5_001, &content[5_000..])]), None);
        let whole = given(&[(0, &content[..5_000]), (5_000, &content[5_000..])]);
        let other = given(&[(0, &content[..5_000]), (5_000, &content[..5_000])]);
        assert!(whole.is_some() && other.is_some() && whole != other);
    }

    #[test]
    fn what_was_kept_for_a_file_is_let_go_when_nobody_asks_for_it_any_more() {
        let digests = Digests::new([Some(10_000), Some(10_000)].into_iter());
        let kept = || digests.kept.load(Ordering::Relaxed);
        digests.piece(0, 0, &[1; 2_500]);
        let one = kept();
        digests.piece(1, 0, &[1; 2_500]);
        assert!(one > 0 && kept() == 2 * one, "{one} of {}", kept());
        digests.forget(0);
        assert_eq!(kept(), one);
        digests.piece(0, 2_500, &[1; 2_500]);
        assert_eq!(kept(), one, "nothing more is kept for it");
        assert_eq!((digests.found(1), kept()), (None, 0), "not all of it came");
        // What is longer than the file takes nothing with it.
        let digests = Digests::new([Some(10_000)].into_iter());
        digests.piece(0, 0, &[1; 2_500]);
        digests.piece(0, 2_500, &[1; 7_501]);
        assert_eq!((digests.kept.load(Ordering::Relaxed), digests.found(0)), (0, None));
    }

    #[test]
    fn as_much_is_kept_as_is_allowed() {
        let most = MOST_KEPT as u64 / SUBTREE as u64;
        let digests = Digests::new([Some(2 * (most + 1) * BLOCK)].into_iter());
        let block = [1; BLOCK as usize];
        (0..most).for_each(|n| digests.piece(0, 2 * n * BLOCK, &block));
        assert_eq!(digests.kept.load(Ordering::Relaxed), MOST_KEPT);
        digests.piece(0, 2 * most * BLOCK, &block);
        assert_eq!(digests.kept.load(Ordering::Relaxed), 0, "that was too much");
        digests.piece(0, BLOCK, &block);
        assert_eq!(digests.kept.load(Ordering::Relaxed), 0, "and it is not begun again");
    }

    #[test]
    fn no_more_is_kept_than_is_allowed() {
        let len = 40_000u64 * 2 * BLOCK;
        let digests = Digests::new([Some(len), Some(20)].into_iter());
        for n in 0..40_000u64 {
            digests.piece(0, n * 2 * BLOCK + 7, b"torn");
            assert!(digests.kept.load(Ordering::Relaxed) <= MOST_KEPT);
        }
        assert_eq!(digests.found(0), None);
        digests.piece(1, 0, &[1; 20]);
        assert!(digests.found(1).is_some());
        assert_eq!(digests.kept.into_inner(), 0);
    }
}
