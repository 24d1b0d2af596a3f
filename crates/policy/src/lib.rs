//! Who may do what: pure functions over an [`Actor`], a [`Permission`] and the facts about an object.
//!
//! Nothing here reads a clock, a store or a configuration, so every answer can be listed: `matrix.txt` beside this crate is
//! that list, and a test compares it with what [`decide`] and [`decide_server`] answer.
//!
//! The rule: an object is its owner's. Within a tenant, an object of somebody else is forbidden and the client is told so
//! (Permission Denied); across tenants a forbidden object and an absent one look the same, so that no answer tells one
//! tenant what another has.

mod decision;
mod permission;

#[cfg(test)]
mod matrix;

pub use decision::{Actor, Decision, Denial, ObjectFacts, decide, decide_server};
pub use permission::{Permission, Scope};
