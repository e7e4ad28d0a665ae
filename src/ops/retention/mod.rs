//! Retention at work: what the listings say of each record, the law from the log's notes, plans, reasons, rulings.
//!
//! Deciding is pure and lies in `domain::retention`; here facts are gathered and what people said is written down.

pub mod facts;
