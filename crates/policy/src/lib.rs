//! Who may do what: pure functions over an [`Actor`], a [`Permission`] and the facts about an object.
//!
//! Nothing here reads a clock, a store or a file, so every answer can be listed: `matrix.txt` beside this crate is that list for
//! the policy `matrix.toml`, and a test compares it with what [`decide`] and [`decide_server`] answer.
//!
//! Without a policy an object is its owner's. A policy ([`Rules`]) says who clients are (tenant, groups, roles), what roles may do,
//! what is granted to some on some objects, on some condition, and what is forbidden whatever allows it. From it follows, once for
//! each connection, the [`Standing`] of an actor, which is all that a decision reads. Within a tenant, what is denied is
//! Permission Denied; across tenants a forbidden object and an absent one look the same, so that no answer tells one tenant what
//! another has.

mod actor;
mod condition;
mod decision;
mod explain;
mod file;
mod identity;
mod operation_policy;
mod permission;
mod role;
mod rules;

#[cfg(test)]
mod tests;

pub mod matrix;

pub use actor::{Actor, Membership, Right, Sight, Standing, Target};
pub use condition::{Condition, Shown};
pub use decision::{Decision, Denial, Facts, ObjectFacts, decide, decide_server, may_each};
pub use explain::{explain, explain_server};
pub use file::PolicyError;
pub use identity::{Part, Parts};
pub use operation_policy::{OperationPolicies, Verdict};
pub use permission::{Permission, Permissions, Scope, Set};
pub use role::{ADMINISTRATOR, AUDITOR, KEY_OFFICER, Rights, USER};
pub use rules::{Rules, Unidentified};
