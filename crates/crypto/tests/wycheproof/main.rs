//! The vectors of Project Wycheproof, through the functions that the operations call.
//!
//! `cargo test -p crypto --test wycheproof -- --nocapture` shows how many of each set passed, and how many do not apply and why.
//! A vector that is not counted in either way, and one that fails, fails the test.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

mod asymmetric;
mod symmetric;
mod tally;
