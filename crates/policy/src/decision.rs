//! The decision itself.

use std::fmt;

use crate::permission::{Permission, Scope};

/// Who asks: what the certificate of the peer, or a verified credential of the message, was mapped to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor {
    /// The name, unique within its tenant. It is what owners are compared with.
    pub name: String,
    /// The tenant; a server that does not tell tenants apart uses 0.
    pub tenant: u32,
}

impl Actor {
    /// An actor of the tenant of a server that does not tell tenants apart.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), tenant: 0 }
    }
}

/// What a decision needs to know of a stored object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectFacts<'a> {
    /// The tenant the object is stored under.
    pub tenant: u32,
    /// The name of the actor that made it.
    pub owner: &'a str,
    /// Whether its operation policy lets all actors of the tenant read it.
    pub is_public: bool,
}

/// Why something is forbidden. Its text goes to the audit log and may be shown to the client: it names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The object belongs to another actor of the same tenant.
    NotOwner,
    /// The actor has no name: nothing may be owned by, or done for, nobody.
    NoName,
    /// The operation works on an object and none was named.
    NeedsObject,
    /// The operation does not work on stored objects.
    NotForObjects,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOwner => "the object belongs to somebody else",
            Self::NoName => "the client has no name",
            Self::NeedsObject => "the operation needs an object",
            Self::NotForObjects => "the operation does not work on stored objects",
        })
    }
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an unread decision protects nothing"]
pub enum Decision {
    /// Go ahead.
    Allow,
    /// Forbidden, and the client may know that the object exists: Permission Denied.
    Deny {
        /// Why.
        reason: Denial,
    },
    /// Answer exactly as if the object did not exist.
    Absent,
}

impl Decision {
    /// Whether to go ahead.
    pub fn is_allow(self) -> bool {
        self == Self::Allow
    }
}

/// Whether an actor may do something to a stored object.
pub fn decide(actor: &Actor, permission: Permission, object: &ObjectFacts<'_>) -> Decision {
    // First of all, so that no later rule can tell one tenant about another.
    if actor.tenant != object.tenant {
        return Decision::Absent;
    }
    if actor.name.is_empty() {
        return Decision::Deny { reason: Denial::NoName };
    }
    if permission.scope() == Scope::Server {
        return Decision::Deny { reason: Denial::NotForObjects };
    }
    if actor.name != object.owner && !(object.is_public && permission.is_open_to_all()) {
        return Decision::Deny { reason: Denial::NotOwner };
    }
    Decision::Allow
}

/// Whether an actor may perform an operation that concerns no stored object, or none yet. Never [`Decision::Absent`].
pub fn decide_server(actor: &Actor, permission: Permission) -> Decision {
    if actor.name.is_empty() {
        return Decision::Deny { reason: Denial::NoName };
    }
    if permission.scope() == Scope::Object {
        return Decision::Deny { reason: Denial::NeedsObject };
    }
    Decision::Allow
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(name: &str, tenant: u32) -> Actor {
        Actor { name: name.to_owned(), tenant }
    }

    #[test]
    fn the_owner_may() {
        let facts = ObjectFacts { tenant: 0, owner: "fred", is_public: false };
        assert_eq!(decide(&Actor::new("fred"), Permission::Get, &facts), Decision::Allow);
    }

    #[test]
    fn another_actor_of_the_tenant_is_told_no() {
        let facts = ObjectFacts { tenant: 0, owner: "fred", is_public: false };
        let denied = Decision::Deny { reason: Denial::NotOwner };
        assert_eq!(decide(&Actor::new("barney"), Permission::Get, &facts), denied);
        // Names are compared whole and exactly.
        for name in ["Fred", "fre", "fredd", " fred", "fred\0"] {
            assert_eq!(decide(&Actor::new(name), Permission::Get, &facts), denied, "{name:?}");
        }
    }

    #[test]
    fn across_tenants_everything_is_absent() {
        let facts = ObjectFacts { tenant: 1, owner: "fred", is_public: false };
        for permission in Permission::ALL {
            for name in ["fred", "barney", ""] {
                assert_eq!(decide(&actor(name, 2), *permission, &facts), Decision::Absent);
            }
        }
    }

    #[test]
    fn what_is_public_is_read_by_all_of_the_tenant_and_changed_by_its_owner() {
        let facts = ObjectFacts { tenant: 1, owner: "fred", is_public: true };
        for permission in Permission::ALL {
            let read = matches!(
                permission,
                Permission::Locate
                    | Permission::Check
                    | Permission::Get
                    | Permission::GetAttributes
                    | Permission::GetAttributeList
                    | Permission::ObtainLease
            );
            assert_eq!(decide(&actor("barney", 1), *permission, &facts).is_allow(), read, "{permission:?}");
            assert_eq!(decide(&actor("barney", 2), *permission, &facts), Decision::Absent);
            assert!(!decide(&actor("", 1), *permission, &facts).is_allow(), "{permission:?}");
        }
    }

    #[test]
    fn nobody_owns_nothing() {
        let facts = ObjectFacts { tenant: 0, owner: "", is_public: false };
        for permission in Permission::ALL {
            assert!(!decide(&Actor::new(""), *permission, &facts).is_allow());
            assert!(!decide_server(&Actor::new(""), *permission).is_allow());
        }
    }
}
