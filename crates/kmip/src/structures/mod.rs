//! The structures of the standard, one row per field.

mod attribute_value;

pub use attribute_value::*;
