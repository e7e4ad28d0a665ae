//! Beside the house: what tests put in place of the machine's clock, its randomness and a well-behaved store.
//! Nothing here is built into the program; only test code may name it.

pub mod campaign;
pub mod clock;
pub mod dated_store;
pub mod entropy;
pub mod fault_plan;
pub mod fuzz;
pub mod store_faults;

pub use campaign::{Point, Turn, every_fault, under_all};
pub use clock::FakeClock;
pub use dated_store::DatedStore;
pub use entropy::SeededEntropy;
pub use fault_plan::{Fault, Plan, Verb};
pub use store_faults::FaultStore;
