//! A TLS peer that answers as a test tells it to, with certificates of its own; and the real server, as a process.

#![allow(dead_code, unreachable_pub, reason = "every test file uses its part")]

pub mod kmipd;
pub mod peer;
