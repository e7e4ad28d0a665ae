//! Looking into snapshots: what is in them, what was, how it changed. Needs the reading identity.
//!
//! Everything is read page by page, so that a listing of any length needs little memory.

pub mod choose;
pub mod diff;
pub mod history;
pub mod hit;
mod instead;
pub mod resolve;
pub mod stream;
pub mod view;

pub use choose::Which;
pub use diff::{Change, ChangeKind, diff};
pub use history::{Version, history};
pub use hit::Hit;
pub use resolve::{Resolved, record_path_of};
pub use view::{Chosen, View};
