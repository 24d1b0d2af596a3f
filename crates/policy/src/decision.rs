//! The decision itself.

use std::fmt;

use kmip::enumerations::{ObjectType, State};

use crate::actor::{Actor, Right, Target};
use crate::operation_policy::Verdict;
use crate::permission::{Permission, Scope};

/// What a decision may need to know of a stored object. Asked for one by one: most decisions need the owner alone.
pub trait Facts {
    /// The tenant the object is stored under.
    fn tenant(&self) -> u32;
    /// The name of the actor that made it.
    fn owner(&self) -> &str;
    /// Its Unique Identifier.
    fn identifier(&self) -> &str;
    /// Whether its operation policy lets all actors of the tenant read it.
    fn is_public(&self) -> bool;
    /// Its Object Type.
    fn object_type(&self) -> ObjectType;
    /// Its state now.
    fn state(&self) -> State;
    /// Whether it has an Object Group.
    fn is_in_group(&self, group: &str) -> bool;
    /// Its Operation Policy Name.
    fn operation_policy(&self) -> Option<&str>;
}

/// The facts about an object where all of them are at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectFacts<'a> {
    /// The tenant the object is stored under.
    pub tenant: u32,
    /// The name of the actor that made it.
    pub owner: &'a str,
    /// Its Unique Identifier.
    pub identifier: &'a str,
    /// Whether its operation policy lets all actors of the tenant read it.
    pub is_public: bool,
    /// Its Object Type.
    pub object_type: ObjectType,
    /// Its state.
    pub state: State,
    /// Its Object Groups.
    pub groups: &'a [&'a str],
    /// Its Operation Policy Name.
    pub operation_policy: Option<&'a str>,
}

impl<'a> ObjectFacts<'a> {
    /// An active symmetric key of an owner in the tenant 0.
    #[must_use]
    pub const fn of(owner: &'a str) -> Self {
        Self {
            tenant: 0,
            owner,
            identifier: "",
            is_public: false,
            object_type: ObjectType::SymmetricKey,
            state: State::Active,
            groups: &[],
            operation_policy: None,
        }
    }
}

impl Facts for ObjectFacts<'_> {
    fn tenant(&self) -> u32 {
        self.tenant
    }
    fn owner(&self) -> &str {
        self.owner
    }
    fn identifier(&self) -> &str {
        self.identifier
    }
    fn is_public(&self) -> bool {
        self.is_public
    }
    fn object_type(&self) -> ObjectType {
        self.object_type
    }
    fn state(&self) -> State {
        self.state
    }
    fn is_in_group(&self, group: &str) -> bool {
        self.groups.contains(&group)
    }
    fn operation_policy(&self) -> Option<&str> {
        self.operation_policy
    }
}

/// Why something is denied. Its text goes to the audit log and may be shown to the client: it names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The object belongs to another actor of the same tenant, and nothing lets this one do it.
    NotOwner,
    /// The object is the actor's own, and nothing lets it do this.
    NotGranted,
    /// A rule forbids it.
    Forbidden,
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
            Self::NotGranted => "no role and no grant of the client allows it",
            Self::Forbidden => "the policy forbids it",
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

const fn deny(reason: Denial) -> Decision {
    Decision::Deny { reason }
}

/// Whether an actor may do something to a stored object, at a moment in seconds since 1970.
pub fn decide(actor: &Actor, permission: Permission, object: &impl Facts, now: i64) -> Decision {
    // First of all, so that no later rule can tell one tenant about another.
    if actor.tenant != object.tenant() {
        return Decision::Absent;
    }
    if actor.name.is_empty() {
        return deny(Denial::NoName);
    }
    if permission.scope() == Scope::Server {
        return deny(Denial::NotForObjects);
    }
    let standing = &*actor.standing;
    let is_owner = actor.name == object.owner();
    let counts_as_owner = counts_as_owner(actor, permission, object, is_owner);
    let is_readable = || permission.is_open_to_all() && !standing.membership.roles.is_empty() && object.is_public();
    let is_allowed = (counts_as_owner && standing.rights.own.contains(permission))
        || standing.rights.tenant.contains(permission)
        || (!is_owner && is_readable())
        || standing.grants.iter().any(|right| applies(right, actor, permission, object, counts_as_owner, now));
    if !is_allowed {
        return deny(if is_owner { Denial::NotGranted } else { Denial::NotOwner });
    }
    if standing.forbidden.iter().any(|right| applies(right, actor, permission, object, is_owner, now)) {
        return deny(Denial::Forbidden);
    }
    Decision::Allow
}

/// Whether the actor may do with the object what it may do with its own: it owns it, unless the operation policy that the object
/// names says otherwise.
fn counts_as_owner(actor: &Actor, permission: Permission, object: &impl Facts, is_owner: bool) -> bool {
    let Some(policies) = &actor.standing.operation_policies else { return is_owner };
    let groups = &actor.standing.membership.groups;
    let verdict = object.operation_policy().and_then(|name| policies.verdict(name, groups, object.object_type(), permission));
    match verdict {
        None | Some(Verdict::Owner) => is_owner,
        Some(Verdict::All) => true,
        Some(Verdict::Nobody) => false,
    }
}

/// Whether an actor may do something to each object it owns, or with `all` to each object of its tenant, whatever there is to know of
/// the object: then none has to be looked at to ask.
#[must_use]
pub fn may_each(actor: &Actor, permission: Permission, all: bool) -> bool {
    let standing = &*actor.standing;
    let is_allowed = if all {
        standing.rights.tenant.contains(permission)
    } else {
        let is_own = standing.rights.own.contains(permission) && standing.operation_policies.is_none();
        is_own || standing.rights.tenant.contains(permission)
    };
    let is_forbidden = standing.forbidden.iter().any(|right| right.permissions.contains(permission));
    is_allowed && !is_forbidden && !actor.name.is_empty() && permission.scope() != Scope::Server
}

/// Whether a line of the policy is about something.
pub(crate) fn applies(
    right: &Right,
    actor: &Actor,
    permission: Permission,
    object: &impl Facts,
    is_owner: bool,
    now: i64,
) -> bool {
    let Right { permissions, target, condition, .. } = right;
    permissions.contains(permission)
        && match target {
            Target::Server => false,
            Target::Own => is_owner,
            Target::Tenant => true,
            Target::Group(group) => object.is_in_group(group),
            Target::Object(identifier) => object.identifier() == identifier,
        }
        && condition.holds_at(now, actor.shown())
        && (condition.states.is_empty() || condition.states.contains(&object.state()))
        && (condition.object_types.is_empty() || condition.object_types.contains(&object.object_type()))
}

/// Whether an actor may perform an operation that concerns no stored object, or none yet. Never [`Decision::Absent`].
pub fn decide_server(actor: &Actor, permission: Permission, now: i64) -> Decision {
    if actor.name.is_empty() {
        return deny(Denial::NoName);
    }
    let scope = permission.scope();
    if scope == Scope::Object {
        return deny(Denial::NeedsObject);
    }
    let standing = &*actor.standing;
    // What is asked for each object, too, may begin for any of them.
    let concerns = |right: &Right| {
        right.permissions.contains(permission)
            && (right.target == Target::Server || scope == Scope::Both)
            && right.condition.holds_at(now, actor.shown())
    };
    let is_allowed = standing.rights.server.contains(permission) || standing.grants.iter().any(concerns);
    if !is_allowed {
        return deny(Denial::NotGranted);
    }
    let forbids = |right: &Right| {
        right.target == Target::Server && right.permissions.contains(permission) && right.condition.holds_at(now, actor.shown())
    };
    if standing.forbidden.iter().any(forbids) {
        return deny(Denial::Forbidden);
    }
    Decision::Allow
}
