//! A large file is read and digested in a thread of its own, while what was read before is cut and stored.

use std::io::{Read, Result};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};

use crate::repo::cut::fill;

/// For fewer bytes a thread is not worth it.
pub const WORTH_IT: u64 = 4 << 20;
/// So many bytes go from one to the other at a time; four such blocks are in memory.
const BLOCK: usize = 1 << 20;
/// Blocks that wait.
const WAITING: usize = 2;

/// What the other thread has read.
pub struct Apart {
    filled: Receiver<Result<Block>>,
    emptied: Sender<Vec<u8>>,
    block: Block,
}

/// Some bytes, of which so many were taken.
#[derive(Default)]
struct Block {
    room: Vec<u8>,
    len: usize,
    taken: usize,
}

/// Has `take` read what `reader` gives, in order and to its end, and takes all of it into the digest unless `take` ends before.
///
/// # Errors
/// When there is no thread to be had; nothing was read then.
pub fn read_apart<T>(
    mut reader: impl Read + Send,
    hasher: &mut blake3::Hasher,
    take: impl FnOnce(Apart) -> T,
) -> Result<T> {
    let ((to, filled), (emptied, back)) = (sync_channel(WAITING), channel::<Vec<u8>>());
    std::thread::scope(|scope| {
        std::thread::Builder::new().spawn_scoped(scope, move || {
            loop {
                let mut room = back.try_recv().unwrap_or_else(|_| vec![0; BLOCK]);
                let block = fill(&mut reader, &mut room, 0).map(|(len, _)| {
                    hasher.update(&room[..len]);
                    Block { room, len, taken: 0 }
                });
                let goes_on = matches!(&block, Ok(block) if block.len == BLOCK);
                // Nobody takes it when something else went wrong.
                if to.send(block).is_err() || !goes_on {
                    return;
                }
            }
        })?;
        Ok(take(Apart { filled, emptied, block: Block::default() }))
    })
}

impl Read for Apart {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.block.taken == self.block.len {
            let before = std::mem::take(&mut self.block);
            if !before.room.is_empty() {
                let _ = self.emptied.send(before.room);
            }
            // After the last block nothing comes.
            let Ok(next) = self.filled.recv() else { return Ok(0) };
            self.block = next?;
        }
        let rest = &self.block.room[self.block.taken..self.block.len];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.block.taken += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    /// Gives so many bytes, a few at a time and interrupted now and then, and then an end or an error.
    struct Source {
        left: usize,
        calls: usize,
        ends_badly: bool,
    }

    impl Read for Source {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            self.calls += 1;
            if self.calls.is_multiple_of(3) {
                return Err(ErrorKind::Interrupted.into());
            }
            if self.left == 0 && self.ends_badly {
                return Err(std::io::Error::from_raw_os_error(5));
            }
            let len = buffer.len().min(self.left).min(300_007);
            (0..len).for_each(|n| buffer[n] = ((self.left - n) % 251) as u8);
            self.left -= len;
            Ok(len)
        }
    }

    fn source(left: usize, ends_badly: bool) -> Source {
        Source { left, calls: 0, ends_badly }
    }

    #[test]
    fn every_byte_comes_in_order_and_is_digested() {
        for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 9 * BLOCK + 77] {
            let (mut expected, mut hasher, mut come) = (vec![], blake3::Hasher::new(), vec![]);
            source(len, false).read_to_end(&mut expected).unwrap();
            let read = read_apart(source(len, false), &mut hasher, |mut apart| apart.read_to_end(&mut come));
            assert_eq!((read.unwrap().unwrap(), come == expected), (len, true), "{len}");
            assert_eq!(hasher.finalize(), blake3::hash(&expected), "{len}");
        }
    }

    #[test]
    fn an_error_comes_after_what_was_whole_and_who_ends_early_is_not_waited_for() {
        let (mut hasher, mut come) = (blake3::Hasher::new(), vec![]);
        let failed = read_apart(source(3 * BLOCK, true), &mut hasher, |mut apart| apart.read_to_end(&mut come));
        assert_eq!((failed.unwrap().unwrap_err().raw_os_error(), come.len()), (Some(5), 3 * BLOCK));
        // What never ends is left.
        let first = read_apart(std::io::repeat(7), &mut hasher, |mut apart| {
            let mut first = [0; 10];
            apart.read_exact(&mut first).map(|()| first)
        });
        assert_eq!(first.unwrap().unwrap(), [7; 10]);
    }
}
