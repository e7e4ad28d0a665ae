//! The file system on Linux: reading what is to be kept, and putting it back.
//!
//! Reading never follows a symbolic link below the folder it was given. Writing never leaves the target
//! folder, whatever an entry says. Neither needs a path to be text, or shorter than the kernel's limit.

mod attributes;
mod beneath;
mod children;
#[cfg(any(test, feature = "testing"))]
pub mod compare;
pub mod excludes;
pub mod existing;
pub mod holes;
pub mod meta;
pub mod mount;
mod nameless;
pub mod names;
pub mod open;
pub mod partial;
pub mod place;
mod place_error;
#[cfg(any(test, feature = "testing"))]
pub mod random_tree;
pub mod special;
pub mod stat;
#[cfg(test)]
mod tests_deep;
#[cfg(test)]
mod tests_hostile;
#[cfg(test)]
mod tests_nameless;
#[cfg(test)]
mod tests_round_trip;
#[cfg(test)]
mod tests_walk;
pub mod walk;
mod xattrs;
