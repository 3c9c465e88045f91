//! Resources and their algebra.
//!
//! A [`Resources`] is a normalised multiset: entries that differ only in their value are one entry,
//! nothing in it is empty or negative, and the order is fixed. Addition and subtraction are exact
//! (scalars are integers in thousandths), and `a + b - b == a` always.

mod bag;
mod parse;
mod resource;
mod scalar;
mod value;

pub use bag::{Resources, Shortage};
pub use parse::ParseError;
pub use resource::{Disk, Reservation, Resource};
pub use scalar::Scalar;
pub use value::{Ranges, Value};
