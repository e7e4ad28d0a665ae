//! Retention at work: what the listings say of each record, the law from the log's notes, plans, reasons, rulings.
//!
//! Deciding is pure and lies in `domain::retention`; here facts are gathered and what people said is written down.

pub mod adopt;
mod again;
pub mod apply;
pub mod approve;
pub mod certificate;
pub mod date;
pub mod disposals;
pub mod disposed;
pub mod facts;
pub mod hold;
mod in_order;
mod kept;
pub mod law;
mod locked;
mod needs;
pub mod note;
pub mod plan;
mod purge;
pub mod register;
mod relist;
pub mod review;
mod versions;
pub mod why;
mod withdraw;

pub use purge::Purged;
