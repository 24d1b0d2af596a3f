//! Who asks, and what the policy gives it.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use crate::condition::{Condition, Shown};
use crate::operation_policy::OperationPolicies;
use crate::permission::{Permission, Permissions};
use crate::role::{Rights, USER, USER_RIGHTS};

/// Who asks: what the certificate of the peer, or a verified credential of the message, was mapped to. Two actors of one name and
/// tenant are the same, whatever the policy gives them.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The name, unique within its tenant. It is what owners are compared with.
    pub name: String,
    /// The tenant; a server that does not tell tenants apart uses 0.
    pub tenant: u32,
    /// Whether it proved who it is by more than its certificate.
    pub second_factor: bool,
    /// Whether it showed what its platform is.
    pub attested: bool,
    /// What the policy gives it.
    pub standing: Arc<Standing>,
}

impl Actor {
    /// A user of the tenant of a server that does not tell tenants apart.
    pub fn new(name: impl Into<String>) -> Self {
        Self::of(name, 0)
    }

    /// A user of a tenant.
    pub fn of(name: impl Into<String>, tenant: u32) -> Self {
        Self { name: name.into(), tenant, second_factor: false, attested: false, standing: Standing::user() }
    }

    /// What it showed beside its certificate.
    #[must_use]
    pub const fn shown(&self) -> Shown {
        Shown { second_factor: self.second_factor, attested: self.attested }
    }
}

impl PartialEq for Actor {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.tenant) == (&other.name, other.tenant)
    }
}

impl Eq for Actor {}

impl Hash for Actor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.tenant.hash(state);
    }
}

/// The groups and roles of an actor, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Membership {
    /// Groups of actors.
    pub groups: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
}

/// What an actor may do, worked out once from the policy for its name, groups and roles.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The policy it follows from: grows when the policy changes.
    pub generation: u64,
    /// Groups and roles.
    pub membership: Membership,
    /// What always holds.
    pub rights: Rights,
    /// What holds for some objects, or on some condition.
    pub grants: Vec<Right>,
    /// What is forbidden whatever allows it.
    pub forbidden: Vec<Right>,
    /// Which objects of others are worth looking for.
    pub sights: Vec<Sight>,
    /// What the Operation Policy Name of an object may name.
    pub operation_policies: Option<Arc<OperationPolicies>>,
}

/// A line of the policy that concerns an actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// Where it stands in the policy, for people.
    pub line: usize,
    /// What.
    pub permissions: Permissions,
    /// To what.
    pub target: Target,
    /// When.
    pub condition: Condition,
}

/// What a right is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// No object.
    Server,
    /// The actor's own objects.
    Own,
    /// All objects of the tenant.
    Tenant,
    /// Objects with this Object Group.
    Group(String),
    /// One object, by its Unique Identifier.
    Object(String),
}

/// Objects of others that an actor may perhaps locate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// All of its tenant, and its own.
    Tenant,
    /// Those that their operation policy lets everybody read.
    Public,
    /// Those with this Object Group.
    Group(String),
    /// Those with this Operation Policy Name.
    OperationPolicy(String),
    /// One.
    Object(String),
}

impl Standing {
    /// That of a user where there is no policy, and of the server when it acts for an owner.
    #[must_use]
    pub fn user() -> Arc<Self> {
        static STANDING: LazyLock<Arc<Standing>> = LazyLock::new(|| {
            let membership = Membership { roles: vec![USER.to_owned()], groups: Vec::new() };
            Arc::new(Standing { membership, rights: USER_RIGHTS, ..Standing::default() }.complete())
        });
        Arc::clone(&STANDING)
    }

    /// Works out what there is to see.
    #[must_use]
    pub fn complete(mut self) -> Self {
        let locates = |permissions: Permissions| permissions.contains(Permission::Locate);
        let mut sights = vec![Sight::Public];
        if let Some(policies) = &self.operation_policies {
            sights.extend(policies.open_to_others(Permission::Locate).map(|name| Sight::OperationPolicy(name.to_owned())));
        }
        for right in self.grants.iter().filter(|right| locates(right.permissions)) {
            sights.extend(match &right.target {
                Target::Server | Target::Own => None,
                Target::Tenant => Some(Sight::Tenant),
                Target::Group(group) => Some(Sight::Group(group.clone())),
                Target::Object(identifier) => Some(Sight::Object(identifier.clone())),
            });
        }
        // What shows all shows the rest.
        if locates(self.rights.tenant) || sights.contains(&Sight::Tenant) {
            sights = vec![Sight::Tenant];
        }
        self.sights = Vec::with_capacity(sights.len());
        for sight in sights {
            if !self.sights.contains(&sight) {
                self.sights.push(sight);
            }
        }
        self
    }
}
