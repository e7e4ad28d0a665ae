//! Where a sparse file has data.

use std::fs::File;

use rustix::fs::{SeekFrom, seek};

/// Beyond so many stretches the rest of a file counts as one, so that memory is bounded.
const MOST: usize = 65_536;

/// The stretches (offset, length) of the first `size` bytes that hold data; what is between reads as zeros.
/// Where the file system cannot tell, that is everything. Leaves the file's position at its start.
pub fn data_ranges(file: &File, size: u64) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match seek(file, SeekFrom::Data(at)) {
            Ok(start) => start.max(at),
            Err(rustix::io::Errno::NXIO) => break,
            Err(_) => at,
        };
        if start >= size {
            break;
        }
        let end = match seek(file, SeekFrom::Hole(start)) {
            Ok(end) if end > start && ranges.len() + 1 < MOST => end.min(size),
            _ => size,
        };
        ranges.push((start, end - start));
        at = end;
    }
    // A position that cannot be set cannot have been moved.
    let _ = seek(file, SeekFrom::Start(0));
    ranges
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn data_is_inside_the_ranges_and_a_large_hole_is_not() {
        let file = tempfile::tempfile().unwrap();
        let mib = 1024 * 1024;
        file.set_len(10 * mib).unwrap();
        file.write_all_at(b"abc", 3 * mib).unwrap();
        file.write_all_at(b"end", 10 * mib - 3).unwrap();
        let ranges = data_ranges(&file, 10 * mib);
        assert_eq!(ranges.len(), 2, "{ranges:?}");
        let holds = |at: u64| ranges.iter().any(|(o, l)| (*o..o + l).contains(&at));
        assert!(holds(3 * mib) && holds(10 * mib - 1) && !holds(mib) && !holds(6 * mib), "{ranges:?}");
        assert_eq!(data_ranges(&file, 3 * mib + 1).last().map(|(o, l)| o + l), Some(3 * mib + 1));
    }

    #[test]
    fn plain_empty_and_hollow_files() {
        let mut file = tempfile::tempfile().unwrap();
        assert_eq!(data_ranges(&file, 0), []);
        file.write_all(b"hello").unwrap();
        assert_eq!(data_ranges(&file, 5), [(0, 5)]);
        let hollow = tempfile::tempfile().unwrap();
        hollow.set_len(1 << 30).unwrap();
        assert_eq!(data_ranges(&hollow, 1 << 30), []);
    }

    #[test]
    fn what_cannot_seek_is_one_range() {
        let (read, _write) = std::io::pipe().unwrap();
        assert_eq!(data_ranges(&File::from(std::os::fd::OwnedFd::from(read)), 77), [(0, 77)]);
    }
}
