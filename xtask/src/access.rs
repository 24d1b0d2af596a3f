//! Who may do what, tried over real connections: every cell of the policy's matrix, and one tenant against another.

pub(crate) mod cost;
pub(crate) mod matrix;
mod requests;
mod site;
pub(crate) mod tenants;
