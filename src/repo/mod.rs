//! Floor 1: bytes in the bucket. How content is cut, compressed, sealed, packed, named and found again.

pub mod cut;
