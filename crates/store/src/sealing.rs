//! Sealing of what a store writes.
