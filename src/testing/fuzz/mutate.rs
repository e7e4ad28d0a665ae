//! Seeded changes of an input: the same seed, the same changes.

/// A small generator: good enough to choose places, and the same for ever.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides.max(1)
    }
}

/// Numbers at which lengths and offsets go wrong.
const EDGES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, 0x20, b'/', b'.'];
/// No input grows beyond this.
const LONGEST: usize = 128 << 10;

/// `count` changed forms of `input`, some of them with a piece of `other`.
pub fn mutations<'i>(input: &'i [u8], other: &'i [u8], seed: u64, count: usize) -> impl Iterator<Item = Vec<u8>> + 'i {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    (0..count).map(move |_| {
        let mut bytes = input.to_vec();
        for _ in 0..=dice.roll(4) {
            change(&mut bytes, other, &mut dice);
        }
        bytes.truncate(LONGEST);
        bytes
    })
}

fn change(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let at = dice.roll(bytes.len());
    let longest = 1 << dice.roll(12);
    let until = (at + 1 + dice.roll(longest)).min(bytes.len());
    match dice.roll(7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << dice.roll(8),
        1 if at < bytes.len() => bytes[at] = EDGES[dice.roll(EDGES.len())],
        2 if at < until => drop(bytes.drain(at..until)),
        3 if at < until => {
            let again = bytes[at..until].to_vec();
            let to = dice.roll(bytes.len());
            bytes.splice(to..to, again);
        }
        4 => bytes.truncate(at),
        5 if at < until => bytes[at..until].fill(EDGES[dice.roll(EDGES.len())]),
        _ => {
            let from = dice.roll(other.len());
            let piece = &other[from.min(other.len())..(from + 1 + dice.roll(64)).min(other.len())];
            bytes.splice(at.min(bytes.len())..at.min(bytes.len()), piece.iter().copied());
        }
    }
}
