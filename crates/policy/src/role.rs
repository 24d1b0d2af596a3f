//! Roles: the built-in ones, in sets of permissions.

use crate::permission::{Permissions, Set};

/// What holders of a role may do, whatever the object's state, the time and so on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Without an object.
    pub server: Permissions,
    /// With objects of their own.
    pub own: Permissions,
    /// With every object of their tenant.
    pub tenant: Permissions,
}

impl Rights {
    /// These and others.
    #[must_use]
    pub const fn union(self, others: Self) -> Self {
        Self {
            server: self.server.union(others.server),
            own: self.own.union(others.own),
            tenant: self.tenant.union(others.tenant),
        }
    }
}

/// The name of the role that runs the server.
pub const ADMINISTRATOR: &str = "administrator";
/// The name of the role that looks at what is done.
pub const AUDITOR: &str = "auditor";
/// The name of the role of those that no rule gives another.
pub const USER: &str = "user";
/// The name of the role that looks after the keys of others.
pub const KEY_OFFICER: &str = "key-officer";

/// What a user may do: everything with what it made itself.
pub(crate) const USER_RIGHTS: Rights =
    Rights { server: Permissions::of(Set::ALL), own: Permissions::of(Set::ALL), tenant: Permissions::NONE };

/// The built-in roles. Who looks after the server, its keys, or its records has no need of anybody's material.
pub(crate) const ROLES: [(&str, Rights); 4] = [
    (
        ADMINISTRATOR,
        Rights {
            server: Permissions::of(&[Set::Session, Set::Reading, Set::Administration]),
            own: Permissions::NONE,
            tenant: Permissions::of(&[Set::Reading]),
        },
    ),
    (KEY_OFFICER, Rights { tenant: Permissions::of(&[Set::Reading, Set::Attributes, Set::LifeCycle]), ..USER_RIGHTS }),
    (USER, USER_RIGHTS),
    (
        AUDITOR,
        Rights {
            server: Permissions::of(&[Set::Session, Set::Reading]),
            own: Permissions::NONE,
            tenant: Permissions::of(&[Set::Reading]),
        },
    ),
];
