//! Everything the tables describe, made at random from the rows alone, is read and written back byte for byte in every version
//! that has it; and nothing else is.

#![allow(clippy::unwrap_used)] // A failed unwrap is a failed test.

mod attributes;
mod make;
mod messages;
mod payloads;
mod structures;
