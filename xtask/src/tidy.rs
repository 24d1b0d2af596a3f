//! `cargo xtask tidy`: the rules about the tree that no compiler checks.
//!
//! - which crate may know which (direction.rs);
//! - sockets, TLS and clocks only at the edge, no paths of one machine, lints inherited everywhere (tree.rs);
//! - licences and duplicated crypto generations, from deny.toml (licences.rs).

mod direction;
mod licences;
mod metadata;
mod tree;

use crate::Outcome;

/// Checks every rule and reports all violations, not only the first.
pub(crate) fn tidy() -> Outcome {
    let metadata = metadata::Metadata::read()?;
    let mut violations = direction::violations(&metadata);
    violations.extend(licences::violations(&metadata)?);
    violations.extend(tree::violations()?);
    if violations.is_empty() {
        return Ok(());
    }
    for violation in &violations {
        println!("tidy: {violation}");
    }
    Err(format!("{} violations", violations.len()))
}
