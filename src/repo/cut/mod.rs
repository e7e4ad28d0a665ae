//! Where content is cut into chunks. Pure streaming code: bytes in, chunks out, nothing stored.
//!
//! What must always hold: the chunks put end to end are the input, whatever the input; cut points depend on the
//! content, the kind and the gear key only, never on how the bytes arrive; memory is bounded by one buffer.
//!
//! Cutting is not part of the stored format: a later version may cut elsewhere and still read everything. It costs
//! one round of storing again, so the golden vectors in `gear.rs` freeze it until somebody decides otherwise.

pub mod base64;
mod bodies;
mod engine;
pub mod gear;
mod header;
mod kind;
mod mime;
#[cfg(test)]
mod tests;
mod zip;

pub use bodies::{Written, store_reader, store_slice};
pub use engine::{CutBuffer, CutError, Place, cut_auto, cut_reader, cut_slice, fill};
pub use gear::{Gear, GearKey, Sizes};
pub use kind::{CutterKind, HEAD_LEN};

/// The smallest embedded part (an attachment's body, a zip member's data) that is cut out as a region of its own.
/// Smaller ones stay with their surroundings, so that fragments do not swell the index.
pub const MIN_REGION: u64 = 4 << 10;

/// A message in a mailbox starts a new chunk only when the chunk before it has at least this many bytes.
pub const MIN_MESSAGE_RUN: usize = 16 << 10;
